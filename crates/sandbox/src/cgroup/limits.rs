//! Limits of a specification as contents of cgroup files; see the kernel's `cgroup-v1/` and `cgroup-v2.rst`.

use crate::spec::{Cpu, Memory, Resources};

/// A file and what is written to it. The order matters.
type Setting = (String, String);

/// The host counts two threads for each of the application's, and those of the sandbox itself. The
/// application's number is the kernel's own to limit.
fn host_threads(limit: i64) -> i64 {
    limit.saturating_mul(2).saturating_add(64)
}

impl Resources {
    /// Something is limited.
    pub fn is_limited(&self) -> bool {
        ["memory", "cpu", "cpuset", "pids", "blkio"].iter().any(|controller| self.concerns(controller))
            || !self.unified.is_empty()
    }

    /// Something is limited that the host must enforce.
    pub fn needs_cgroup(&self) -> bool {
        Resources { pids: None, ..self.clone() }.is_limited()
    }

    /// Something is to be set with this controller.
    pub fn concerns(&self, controller: &str) -> bool {
        !super::limits::controller(controller, self).is_empty()
    }
}

/// Collects the settings whose values are given.
fn given(settings: impl IntoIterator<Item = (&'static str, Option<String>)>) -> Vec<Setting> {
    settings.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn text(value: Option<impl ToString>) -> Option<String> {
    value.map(|value| value.to_string())
}

/// For a controller of version 1.
pub fn controller(name: &str, resources: &Resources) -> Vec<Setting> {
    let cpu = resources.cpu.clone().unwrap_or_default();
    match name {
        "memory" => memory_v1(&resources.memory.clone().unwrap_or_default()),
        "cpu" => given([
            ("cpu.shares", text(cpu.shares.filter(|shares| *shares != 0))),
            ("cpu.cfs_period_us", text(cpu.period.filter(|period| *period != 0))),
            ("cpu.cfs_quota_us", text(cpu.quota.filter(|quota| *quota != 0))),
        ]),
        "cpuset" => given([
            ("cpuset.cpus", cpu.cpus.filter(|list| !list.is_empty())),
            ("cpuset.mems", cpu.mems.filter(|list| !list.is_empty())),
        ]),
        "pids" => given([("pids.max", pids(resources))]),
        "blkio" => given([("blkio.bfq.weight", text(weight(resources)))]),
        _ => Vec::new(),
    }
}

fn memory_v1(memory: &Memory) -> Vec<Setting> {
    // Memory with swap must never be limited below memory: which of the two is set first depends on
    // the limits that are there, and the first of two equal settings may be refused.
    let limits = ("memory.limit_in_bytes", text(memory.limit.filter(|limit| *limit != 0)));
    let swap = ("memory.memsw.limit_in_bytes", text(memory.swap.filter(|limit| *limit != 0)));
    let soft = ("memory.soft_limit_in_bytes", text(memory.reservation.filter(|limit| *limit != 0)));
    if memory.swap == Some(-1) { given([swap, limits, soft]) } else { given([limits, swap, soft]) }
}

fn pids(resources: &Resources) -> Option<String> {
    match resources.pids.as_ref()?.limit {
        0 => None,
        limit if limit < 0 => Some("max".into()),
        limit => Some(host_threads(limit).to_string()),
    }
}

fn weight(resources: &Resources) -> Option<u16> {
    resources.block_io.as_ref()?.weight.filter(|weight| *weight != 0)
}

/// For version 2. Numbers that mean "no limit" there become `max`.
pub fn unified(resources: &Resources) -> Vec<Setting> {
    let bytes = |value: i64| if value < 0 { "max".to_owned() } else { value.to_string() };
    let memory = resources.memory.clone().unwrap_or_default();
    let cpu = resources.cpu.clone().unwrap_or_default();
    // Version 2 limits swap alone.
    let swap = match (memory.swap, memory.limit) {
        (Some(swap), Some(limit)) if swap > 0 && limit > 0 => Some(swap.saturating_sub(limit)),
        (Some(swap), _) if swap < 0 => Some(swap),
        _ => None,
    };
    let mut settings = given([
        ("memory.max", memory.limit.filter(|limit| *limit != 0).map(bytes)),
        ("memory.swap.max", swap.map(bytes)),
        ("memory.low", memory.reservation.filter(|limit| *limit != 0).map(bytes)),
        ("cpu.weight", cpu.shares.filter(|shares| *shares != 0).map(|shares| cpu_weight(shares).to_string())),
        ("cpu.max", cpu_max(&cpu)),
        ("cpuset.cpus", cpu.cpus.filter(|list| !list.is_empty())),
        ("cpuset.mems", cpu.mems.filter(|list| !list.is_empty())),
        ("pids.max", pids(resources)),
        ("io.weight", text(weight(resources))),
    ]);
    settings.extend(resources.unified.clone());
    settings
}

/// Shares from 2 to 262144 as a weight from 1 to 10000, as runc has it.
fn cpu_weight(shares: u64) -> u64 {
    1 + (shares.clamp(2, 262_144) - 2) * 9999 / 262_142
}

fn cpu_max(cpu: &Cpu) -> Option<String> {
    let (quota, period) = (cpu.quota.filter(|quota| *quota != 0), cpu.period.filter(|period| *period != 0));
    if quota.is_none() && period.is_none() {
        return None;
    }
    let quota = quota.filter(|quota| *quota > 0).map_or("max".to_owned(), |quota| quota.to_string());
    Some(format!("{quota} {}", period.unwrap_or(100_000)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Pids;

    #[test]
    fn both_versions_say_the_same() {
        let resources = Resources {
            memory: Some(Memory { limit: Some(1 << 26), swap: Some(1 << 27), ..Memory::default() }),
            cpu: Some(Cpu { shares: Some(1024), quota: Some(50_000), ..Cpu::default() }),
            pids: Some(Pids { limit: 10 }),
            ..Resources::default()
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            unified(&resources),
            [
                pair("memory.max", "67108864"),
                pair("memory.swap.max", "67108864"),
                pair("cpu.weight", "39"),
                pair("cpu.max", "50000 100000"),
                pair("pids.max", "84"),
            ]
        );
        assert_eq!(controller("cpu", &resources), [pair("cpu.shares", "1024"), pair("cpu.cfs_quota_us", "50000")]);
        assert_eq!(
            controller("memory", &resources),
            [pair("memory.limit_in_bytes", "67108864"), pair("memory.memsw.limit_in_bytes", "134217728")]
        );
        assert!(resources.is_limited() && !Resources::default().is_limited());
    }
}
