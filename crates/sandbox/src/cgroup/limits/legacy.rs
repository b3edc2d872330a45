//! Version 1.

use lazaret_control::Failure;

use super::{List, memory_and_swap, nonzero, set_pids, set_rdma, text, throttles, wrong};
use crate::spec::{BlockIo, Cpu, Memory, Network, Resources};

/// Adds the settings of one controller.
pub fn set(
    controller: &str,
    resources: &Resources,
    has: &dyn Fn(&str) -> bool,
    list: &mut List,
) -> Result<(), Failure> {
    match controller {
        "memory" => resources.memory.as_ref().map_or(Ok(()), |memory| set_memory(memory, has, list))?,
        "cpu" => resources.cpu.as_ref().map_or(Ok(()), |cpu| set_cpu(cpu, list))?,
        "cpuset" => {
            let cpu = resources.cpu.as_ref();
            list.given("cpu.cpus", "cpuset.cpus", text(cpu.and_then(|cpu| cpu.cpus.as_ref())));
            list.given("cpu.mems", "cpuset.mems", text(cpu.and_then(|cpu| cpu.mems.as_ref())));
        }
        "pids" => set_pids(resources, list),
        "blkio" => resources.block_io.iter().for_each(|block_io| set_block_io(block_io, has, list)),
        "hugetlb" => {
            for (index, huge) in resources.hugepage_limits.iter().flatten().enumerate() {
                let field = format!("hugepageLimits[{index}]");
                list.push(&field, &format!("hugetlb.{}.limit_in_bytes", huge.page_size), huge.limit);
                let reserved = format!("hugetlb.{}.rsvd.limit_in_bytes", huge.page_size);
                if has(&reserved) {
                    list.push(&field, &reserved, huge.limit);
                }
            }
        }
        "net_cls" => {
            let class = resources.network.as_ref().and_then(|network| nonzero(network.class_id));
            list.given("network.classID", "net_cls.classid", class);
        }
        "net_prio" => resources.network.iter().for_each(|network| set_priorities(network, list)),
        "rdma" => set_rdma(resources, list),
        _ => {}
    }
    Ok(())
}

fn set_memory(memory: &Memory, has: &dyn Fn(&str) -> bool, list: &mut List) -> Result<(), Failure> {
    // Memory with swap must never be limited below memory: which of the two is set first depends on
    // the limits that are there, and the first of two equal settings may be refused.
    let (limit, mut swap) = memory_and_swap(memory)?;
    if memory.swap.is_none() && !has("memory.memsw.limit_in_bytes") {
        swap = None;
    }
    let mut both =
        [("memory.limit", "memory.limit_in_bytes", limit), ("memory.swap", "memory.memsw.limit_in_bytes", swap)];
    if swap == Some(-1) {
        both.reverse();
    }
    both.into_iter().for_each(|(field, file, value)| list.given(field, file, value));
    list.given("memory.reservation", "memory.soft_limit_in_bytes", nonzero(memory.reservation));
    list.given("memory.kernel", "memory.kmem.limit_in_bytes", nonzero(memory.kernel));
    list.given("memory.kernelTCP", "memory.kmem.tcp.limit_in_bytes", nonzero(memory.kernel_tcp));
    list.given("memory.swappiness", "memory.swappiness", memory.swappiness);
    list.given("memory.disableOOMKiller", "memory.oom_control", memory.disable_oom_killer.filter(|on| *on).map(|_| 1));
    Ok(())
}

fn set_cpu(cpu: &Cpu, list: &mut List) -> Result<(), Failure> {
    // Beyond these the host takes the nearest without a word.
    const SHARES: std::ops::RangeInclusive<u64> = 2..=262_144;
    let shares = nonzero(cpu.shares);
    if let Some(shares) = shares
        && !SHARES.contains(&shares)
    {
        return Err(wrong("cpu.shares", format!("{shares} is not within {}..{}", SHARES.start(), SHARES.end())));
    }
    list.given("cpu.realtimePeriod", "cpu.rt_period_us", nonzero(cpu.realtime_period));
    list.given("cpu.realtimeRuntime", "cpu.rt_runtime_us", nonzero(cpu.realtime_runtime));
    list.given("cpu.shares", "cpu.shares", shares);
    list.given("cpu.period", "cpu.cfs_period_us", nonzero(cpu.period));
    list.given("cpu.quota", "cpu.cfs_quota_us", nonzero(cpu.quota));
    list.given("cpu.burst", "cpu.cfs_burst_us", cpu.burst);
    list.given("cpu.idle", "cpu.idle", cpu.idle);
    Ok(())
}

fn set_block_io(block_io: &BlockIo, has: &dyn Fn(&str) -> bool, list: &mut List) {
    // The scheduler that has weights differs between hosts.
    let layer = if has("blkio.bfq.weight") { "blkio.bfq" } else { "blkio" };
    list.given("blockIO.weight", &format!("{layer}.weight"), nonzero(block_io.weight));
    list.given("blockIO.leafWeight", "blkio.leaf_weight", nonzero(block_io.leaf_weight));
    for (index, device) in block_io.weight_device.iter().flatten().enumerate() {
        let line = |weight| format!("{}:{} {weight}", device.major, device.minor);
        let field = |name: &str| format!("blockIO.weightDevice[{index}].{name}");
        list.given(&field("weight"), &format!("{layer}.weight_device"), nonzero(device.weight).map(line));
        list.given(&field("leafWeight"), "blkio.leaf_weight_device", nonzero(device.leaf_weight).map(line));
    }
    for (field, name, _, devices) in throttles(block_io) {
        for (index, device) in devices.iter().enumerate() {
            let line = format!("{}:{} {}", device.major, device.minor, device.rate);
            list.push(&format!("blockIO.{field}[{index}]"), &format!("blkio.throttle.{name}_device"), line);
        }
    }
}

fn set_priorities(network: &Network, list: &mut List) {
    for (index, interface) in network.priorities.iter().flatten().enumerate() {
        let line = format!("{} {}", interface.name, interface.priority);
        list.push(&format!("network.priorities[{index}]"), "net_prio.ifpriomap", line);
    }
}
