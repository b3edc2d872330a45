//! What a container uses, in the message that containerd has for cgroups of version 1.
//!
//! Hosts with version 2 get the same message: it has a field for everything that is counted, and containerd's
//! clients tell the two by their type.

use containerd_shim_protos::{
    cgroups::metrics::{
        BlkIOEntry, BlkIOStat, CPUStat, CPUUsage, MemoryEntry, MemoryStat, Metrics, PidsStat, Throttle,
    },
    protobuf::{Message, MessageFull, Result, well_known_types::any::Any},
};
use lazaret_sandbox::{DeviceStats, MemoryStats, Usage};

/// The message for what was used.
///
/// # Errors
/// Those of encoding.
pub fn describe(usage: &Usage) -> Result<Any> {
    let host = &usage.host;
    let [total, user, kernel] = host.cpu.unwrap_or([usage.user.saturating_add(usage.system), usage.user, usage.system]);
    let raw = |names: &[&str]| names.iter().find_map(|name| host.memory_raw.get(*name)).copied().unwrap_or(0);
    let entry = |stats: Option<MemoryStats>| {
        let stats = stats.unwrap_or_default();
        let limit = stats.limit.unwrap_or(u64::MAX);
        let MemoryStats { usage, max, failures: failcnt, .. } = stats;
        MemoryEntry { limit, usage, max, failcnt, ..MemoryEntry::default() }
    };
    let throttling = host.throttling.unwrap_or_default();
    let metrics = Metrics {
        cpu: Some(CPUStat {
            usage: Some(CPUUsage { total, kernel, user, per_cpu: host.per_cpu.clone(), ..CPUUsage::default() }).into(),
            throttling: Some(Throttle {
                periods: throttling.periods,
                throttled_periods: throttling.throttled,
                throttled_time: throttling.time,
                ..Throttle::default()
            })
            .into(),
            ..CPUStat::default()
        })
        .into(),
        memory: Some(MemoryStat {
            // By the names of versions 1 and 2.
            total_cache: raw(&["total_cache", "file"]),
            total_rss: raw(&["total_rss", "anon"]),
            total_mapped_file: raw(&["total_mapped_file", "file_mapped"]),
            total_pg_fault: raw(&["total_pgfault", "pgfault"]),
            total_pg_maj_fault: raw(&["total_pgmajfault", "pgmajfault"]),
            total_inactive_file: raw(&["total_inactive_file", "inactive_file"]),
            total_active_file: raw(&["total_active_file", "active_file"]),
            total_inactive_anon: raw(&["total_inactive_anon", "inactive_anon"]),
            total_active_anon: raw(&["total_active_anon", "active_anon"]),
            usage: Some(entry(Some(usage.memory_stats()))).into(),
            swap: Some(entry(host.swap)).into(),
            ..MemoryStat::default()
        })
        .into(),
        blkio: Some(BlkIOStat {
            io_service_bytes_recursive: devices(&host.io_bytes),
            io_serviced_recursive: devices(&host.io_operations),
            ..BlkIOStat::default()
        })
        .into(),
        pids: Some(PidsStat { current: usage.tasks, limit: usage.max_tasks.unwrap_or(0), ..PidsStat::default() })
            .into(),
        ..Metrics::default()
    };
    let type_url = Metrics::descriptor().full_name().into();
    Ok(Any { type_url, value: metrics.write_to_bytes()?, ..Any::default() })
}

fn devices(stats: &[DeviceStats]) -> Vec<BlkIOEntry> {
    let one = |stats: &DeviceStats| {
        let ((major, minor), op) = (stats.device, stats.operation.clone());
        BlkIOEntry { op, major, minor, value: stats.value, ..BlkIOEntry::default() }
    };
    stats.iter().map(one).collect()
}
