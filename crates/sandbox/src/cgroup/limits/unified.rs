//! Version 2. Numbers that mean "no limit" there become `max`.

use lazaret_control::Failure;

use super::{List, memory_and_swap, nonzero, set_pids, set_rdma, text, throttles, wrong};
use crate::spec::{BlockIo, Cpu, Memory, Resources};

/// Why what version 1 has is refused.
const UNKNOWN: &str = "cgroups of version 2 have no such limit";

/// Adds the settings of one controller, which is named as in version 1.
pub fn set(
    controller: &str,
    resources: &Resources,
    has: &dyn Fn(&str) -> bool,
    list: &mut List,
) -> Result<(), Failure> {
    match controller {
        "memory" => resources.memory.as_ref().map_or(Ok(()), |memory| set_memory(memory, list))?,
        "cpu" => resources.cpu.as_ref().map_or(Ok(()), |cpu| set_cpu(cpu, list))?,
        "cpuset" => {
            let cpu = resources.cpu.as_ref();
            list.given("cpu.cpus", "cpuset.cpus", text(cpu.and_then(|cpu| cpu.cpus.as_ref())));
            list.given("cpu.mems", "cpuset.mems", text(cpu.and_then(|cpu| cpu.mems.as_ref())));
        }
        "pids" => set_pids(resources, list),
        "blkio" => resources.block_io.as_ref().map_or(Ok(()), |block_io| set_block_io(block_io, has, list))?,
        "hugetlb" => {
            for (index, huge) in resources.hugepage_limits.iter().flatten().enumerate() {
                let field = format!("hugepageLimits[{index}]");
                list.push(&field, &format!("hugetlb.{}.max", huge.page_size), huge.limit);
                let reserved = format!("hugetlb.{}.rsvd.max", huge.page_size);
                if has(&reserved) {
                    list.push(&field, &reserved, huge.limit);
                }
            }
        }
        "net_cls" if resources.network.as_ref().is_some_and(|network| nonzero(network.class_id).is_some()) => {
            return Err(wrong("network.classID", UNKNOWN));
        }
        "net_prio" if resources.network.iter().any(|network| network.priorities.iter().flatten().next().is_some()) => {
            return Err(wrong("network.priorities", UNKNOWN));
        }
        "rdma" => set_rdma(resources, list),
        _ => {}
    }
    Ok(())
}

/// What version 1 limits, as version 2 does: -1 is no limit.
fn bytes(value: i64) -> String {
    if value < 0 { "max".to_owned() } else { value.to_string() }
}

fn set_memory(memory: &Memory, list: &mut List) -> Result<(), Failure> {
    for (field, is_given) in [
        ("memory.kernel", nonzero(memory.kernel).is_some()),
        ("memory.kernelTCP", nonzero(memory.kernel_tcp).is_some()),
        ("memory.swappiness", memory.swappiness.is_some()),
        ("memory.disableOOMKiller", memory.disable_oom_killer == Some(true)),
    ] {
        if is_given {
            return Err(wrong(field, UNKNOWN));
        }
    }
    let (limit, swap) = memory_and_swap(memory)?;
    list.given("memory.swap", "memory.swap.max", swap_alone(limit, swap).map(bytes));
    list.given("memory.limit", "memory.max", limit.map(bytes));
    list.given("memory.reservation", "memory.low", nonzero(memory.reservation).map(bytes));
    Ok(())
}

/// Version 2 limits swap alone.
pub fn swap_alone(limit: Option<i64>, swap: Option<i64>) -> Option<i64> {
    match (limit, swap?) {
        (Some(limit), swap) if swap > 0 => Some(swap.saturating_sub(limit)),
        (_, swap) => Some(swap),
    }
}

/// Shares from 2 to 262144 as a weight from 1 to 10000, as runc has it.
pub fn cpu_weight(shares: u64) -> u64 {
    1 + (shares.clamp(2, 262_144) - 2) * 9999 / 262_142
}

fn set_cpu(cpu: &Cpu, list: &mut List) -> Result<(), Failure> {
    for (field, is_given) in [
        ("cpu.realtimePeriod", nonzero(cpu.realtime_period).is_some()),
        ("cpu.realtimeRuntime", nonzero(cpu.realtime_runtime).is_some()),
    ] {
        if is_given {
            return Err(wrong(field, UNKNOWN));
        }
    }
    list.given("cpu.idle", "cpu.idle", cpu.idle);
    // One that is idle has no weight.
    let weight = nonzero(cpu.shares).filter(|_| cpu.idle != Some(1)).map(cpu_weight);
    list.given("cpu.shares", "cpu.weight", weight);
    list.given("cpu.quota", "cpu.max", cpu_max(cpu));
    list.given("cpu.burst", "cpu.max.burst", cpu.burst);
    Ok(())
}

fn cpu_max(cpu: &Cpu) -> Option<String> {
    let (quota, period) = (nonzero(cpu.quota), nonzero(cpu.period));
    if quota.is_none() && period.is_none() {
        return None;
    }
    let quota = quota.filter(|quota| *quota > 0).map_or("max".to_owned(), |quota| quota.to_string());
    Some(format!("{quota} {}", period.unwrap_or(100_000)))
}

/// Weights from 10 to 1000 as those from 1 to 10000, as runc has it.
pub fn io_weight(weight: u16) -> u64 {
    1 + (u64::from(weight).clamp(10, 1000) - 10) * 9999 / 990
}

fn set_block_io(block_io: &BlockIo, has: &dyn Fn(&str) -> bool, list: &mut List) -> Result<(), Failure> {
    if nonzero(block_io.leaf_weight).is_some() {
        return Err(wrong("blockIO.leafWeight", UNKNOWN));
    }
    // The scheduler that has weights differs between hosts, and so do the weights.
    let has_bfq = has("io.bfq.weight");
    let file = if has_bfq { "io.bfq.weight" } else { "io.weight" };
    let convert = |weight: u16| if has_bfq { u64::from(weight) } else { io_weight(weight) };
    list.given("blockIO.weight", file, nonzero(block_io.weight).map(convert));
    for (index, device) in block_io.weight_device.iter().flatten().enumerate() {
        let field = |name: &str| format!("blockIO.weightDevice[{index}].{name}");
        if nonzero(device.leaf_weight).is_some() {
            return Err(wrong(&field("leafWeight"), UNKNOWN));
        }
        let line = |weight| format!("{}:{} {}", device.major, device.minor, convert(weight));
        list.given(&field("weight"), file, nonzero(device.weight).map(line));
    }
    for (field, _, name, devices) in throttles(block_io) {
        for (index, device) in devices.iter().enumerate() {
            let rate = if device.rate == 0 { "max".to_owned() } else { device.rate.to_string() };
            let line = format!("{}:{} {name}={rate}", device.major, device.minor);
            list.push(&format!("blockIO.{field}[{index}]"), "io.max", line);
        }
    }
    Ok(())
}
