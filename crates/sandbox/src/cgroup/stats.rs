//! What the host has counted for a cgroup.

use std::{collections::BTreeMap, fs, path::PathBuf};

use super::UNIFIED;

/// Figures of a cgroup; `None` where the host counts none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Processor time in nanoseconds: of all, in application code, in kernels.
    pub cpu: Option<[u64; 3]>,
    /// Processor time of each processor in nanoseconds.
    pub per_cpu: Vec<u64>,
    /// Memory in use, in bytes, file caches included.
    pub memory: Option<u64>,
    /// Its limit in bytes; `None` if there is none.
    pub memory_limit: Option<u64>,
    /// Most memory that was in use.
    pub memory_max: Option<u64>,
    /// How often the limit was met.
    pub memory_failures: Option<u64>,
    /// Swap in use, in bytes.
    pub swap: Option<u64>,
    /// All figures about memory, by the host's names.
    pub memory_raw: BTreeMap<String, u64>,
}

/// Version 1 shows no limit as the largest number of whole pages.
const NO_LIMIT: u64 = 1 << 62;

/// Reads the figures.
pub fn read(directories: &BTreeMap<String, PathBuf>) -> Stats {
    let file = |controller: &str, name: &str| fs::read_to_string(directories.get(controller)?.join(name)).ok();
    let number = |controller: &str, name: &str| file(controller, name)?.trim().parse::<u64>().ok();
    if directories.contains_key(UNIFIED) {
        let cpu = file(UNIFIED, "cpu.stat").map(|text| pairs(&text)).unwrap_or_default();
        let nanoseconds = |name: &str| cpu.get(name).map(|micros| micros.saturating_mul(1000));
        let events = file(UNIFIED, "memory.events").map(|text| pairs(&text)).unwrap_or_default();
        return Stats {
            cpu: nanoseconds("usage_usec")
                .map(|all| [all, nanoseconds("user_usec").unwrap_or(0), nanoseconds("system_usec").unwrap_or(0)]),
            per_cpu: Vec::new(),
            memory: number(UNIFIED, "memory.current"),
            memory_limit: number(UNIFIED, "memory.max"),
            memory_max: number(UNIFIED, "memory.peak"),
            memory_failures: events.get("max").copied(),
            swap: number(UNIFIED, "memory.swap.current"),
            memory_raw: file(UNIFIED, "memory.stat").map(|text| pairs(&text)).unwrap_or_default(),
        };
    }
    let memory = number("memory", "memory.usage_in_bytes");
    Stats {
        cpu: number("cpuacct", "cpuacct.usage").map(|all| {
            let part = |name| number("cpuacct", name).unwrap_or(0);
            [all, part("cpuacct.usage_user"), part("cpuacct.usage_sys")]
        }),
        per_cpu: file("cpuacct", "cpuacct.usage_percpu")
            .map(|text| text.split_whitespace().filter_map(|field| field.parse().ok()).collect())
            .unwrap_or_default(),
        memory,
        memory_limit: number("memory", "memory.limit_in_bytes").filter(|limit| *limit < NO_LIMIT),
        memory_max: number("memory", "memory.max_usage_in_bytes"),
        memory_failures: number("memory", "memory.failcnt"),
        swap: number("memory", "memory.memsw.usage_in_bytes")
            .zip(memory)
            .map(|(both, memory)| both.saturating_sub(memory)),
        memory_raw: file("memory", "memory.stat").map(|text| pairs(&text)).unwrap_or_default(),
    }
}

/// Lines of a name and a number.
fn pairs(text: &str) -> BTreeMap<String, u64> {
    let pair = |line: &str| {
        let (name, value) = line.split_once(' ')?;
        Some((name.to_owned(), value.trim().parse().ok()?))
    };
    text.lines().filter_map(pair).collect()
}
