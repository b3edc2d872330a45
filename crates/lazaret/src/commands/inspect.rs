//! `events` and `features`: what a container uses, and what there is.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use lazaret_sandbox::{Config, Container, DeviceStats, Interface, MemoryStats, Status, Usage, spec};
use serde_json::{Value, json};

use super::{print, print_json};
use crate::{options::Events, report::CommandError};

/// How often a look is taken at the number of processes that were killed for want of memory.
const OOM_INTERVAL: Duration = Duration::from_millis(100);

/// Prints what a container uses, until it ends, and that the memory limit has killed a process of it.
pub fn events(config: &Config, args: &Events) -> Result<(), CommandError> {
    let tell = |usage: &Usage| print_json(&describe(&args.id, usage).to_string());
    let container = Container::load(config, &args.id)?;
    let usage = container.usage()?;
    if args.stats {
        return tell(&usage);
    }
    let mut kills = None;
    loop {
        let next = Instant::now() + args.interval;
        loop {
            let count = container.oom_kills();
            if kills.is_some() && count > kills {
                print(format!("{}\n", json!({ "type": "oom", "id": args.id })).as_bytes())?;
            }
            kills = count.or(kills);
            let left = next.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            sleep(left.min(OOM_INTERVAL));
        }
        // Its limits may have changed; and it may have been removed.
        let Ok(container) = Container::load(config, &args.id) else { return Ok(()) };
        match container.usage() {
            Ok(usage) => tell(&usage)?,
            Err(_) if matches!(container.status(), Status::Stopped) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// An event in runc's format.
fn describe(id: &str, usage: &Usage) -> Value {
    let host = &usage.host;
    let [total, user, kernel] = host.cpu.unwrap_or([usage.user.saturating_add(usage.system), usage.user, usage.system]);
    let throttling = host.throttling.unwrap_or_default();
    json!({
        "type": "stats",
        "id": id,
        "data": {
            "cpu": {
                "usage": {
                    "total": total,
                    "percpu": host.per_cpu,
                    "percpu_user": host.per_cpu_parts.iter().map(|parts| parts[0]).collect::<Value>(),
                    "percpu_kernel": host.per_cpu_parts.iter().map(|parts| parts[1]).collect::<Value>(),
                    "kernel": kernel,
                    "user": user,
                },
                "throttling": {
                    "periods": throttling.periods,
                    "throttledPeriods": throttling.throttled,
                    "throttledTime": throttling.time,
                },
            },
            "cpuset": host.cpuset.iter().map(|(name, text)| (name.clone(), cpuset(name, text))).collect::<Value>(),
            "memory": {
                "cache": host.memory_raw.get("cache").or(host.memory_raw.get("file")).copied().unwrap_or(0),
                "usage": memory(usage.memory_stats()),
                "swap": memory(host.swap.unwrap_or_default()),
                "kernel": memory(host.kernel_memory.unwrap_or_default()),
                "kernelTCP": memory(host.kernel_tcp_memory.unwrap_or_default()),
                "raw": host.memory_raw,
            },
            "pids": { "current": usage.tasks, "limit": usage.max_tasks.unwrap_or(0) },
            "blkio": {
                "ioServiceBytesRecursive": devices(&host.io_bytes),
                "ioServicedRecursive": devices(&host.io_operations),
            },
            "hugetlb": {},
            "intel_rdt": {},
            "network_interfaces": usage.interfaces.iter().map(interface).collect::<Value>(),
        },
    })
}

fn memory(stats: MemoryStats) -> Value {
    json!({
        "limit": stats.limit.unwrap_or(u64::MAX),
        "usage": stats.usage,
        "max": stats.max,
        "failcnt": stats.failures,
    })
}

/// A list of numbers such as `0-2,4`, or one number.
fn cpuset(name: &str, text: &str) -> Value {
    if !matches!(name, "cpus" | "mems") {
        return text.parse::<i64>().map_or(Value::Null, Value::from);
    }
    let range = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse::<u16>().ok()?..=last.parse().ok()?)
    };
    text.split(',').filter_map(range).flatten().collect()
}

/// With the names that runc's events have.
fn interface(interface: &Interface) -> Value {
    let Interface { name, received, sent } = interface;
    json!({
        "Name": name,
        "RxBytes": received.bytes,
        "RxPackets": received.packets,
        "RxErrors": received.errors,
        "RxDropped": received.dropped,
        "TxBytes": sent.bytes,
        "TxPackets": sent.packets,
        "TxErrors": sent.errors,
        "TxDropped": sent.dropped,
    })
}

fn devices(stats: &[DeviceStats]) -> Value {
    let one = |stats: &DeviceStats| {
        let (major, minor) = stats.device;
        json!({ "major": major, "minor": minor, "op": stats.operation, "value": stats.value })
    };
    stats.iter().map(one).collect()
}

/// Prints what this runtime can do, in the format of the specification's `features.md`.
pub fn features() -> Result<(), CommandError> {
    let capabilities: Vec<String> = spec::capability_names().map(|name| format!("CAP_{name}")).collect();
    let features = json!({
        "ociVersionMin": "1.0.0",
        "ociVersionMax": "1.2.0",
        "hooks": ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"],
        "mountOptions": lazaret_sandbox::mount_options(),
        "linux": {
            "namespaces": ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"],
            "capabilities": capabilities,
            "cgroup": { "v1": true, "v2": true, "systemd": true, "systemdUser": true, "rdma": true },
            "seccomp": {
                "enabled": true,
                "actions": spec::ACTIONS,
                "operators": spec::OPERATORS,
                "archs": spec::ARCHITECTURES,
                "knownFlags": spec::FLAGS,
                "supportedFlags": spec::FLAGS,
            },
            "apparmor": { "enabled": false },
            "selinux": { "enabled": false },
            "intelRdt": { "enabled": false },
            "mountExtensions": { "idmap": { "enabled": false } },
        },
        "annotations": { "org.lazaret.version": env!("CARGO_PKG_VERSION") },
    });
    print(format!("{features:#}\n").as_bytes())
}
