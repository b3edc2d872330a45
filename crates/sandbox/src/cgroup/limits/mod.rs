//! Limits of a specification as contents of cgroup files; see the kernel's `cgroup-v1/` and `cgroup-v2.rst`.

mod legacy;
mod unified;

use lazaret_control::Failure;

use crate::spec::{BlockIo, Memory, Resources, ThrottleDevice};

/// Controllers that limits are set by, as version 1 calls them.
pub const LIMITING: [&str; 9] = ["cpu", "cpuset", "memory", "pids", "blkio", "hugetlb", "net_cls", "net_prio", "rdma"];

/// A limit as the content of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The field that asks for it.
    pub field: String,
    /// The file's name.
    pub file: String,
    /// What is written to it.
    pub value: String,
}

/// Settings in the order in which they are tried; or what cannot be set, and why.
pub type Settings = Result<Vec<Setting>, Failure>;

/// A cgroup that limits are set for.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// Of version 2.
    pub is_unified: bool,
    /// There is such a file.
    pub has: &'a dyn Fn(&str) -> bool,
}

/// The settings of one controller.
///
/// # Errors
/// Names the field that does not make sense, or that the host's version of cgroups does not know.
pub fn settings(controller: &str, resources: &Resources, target: Target<'_>) -> Settings {
    let mut list = List::default();
    let set = if target.is_unified { unified::set } else { legacy::set };
    set(controller, resources, target.has, &mut list)?;
    Ok(list.0)
}

/// The files of version 2 that are named by themselves.
pub fn by_name(resources: &Resources) -> Vec<Setting> {
    let mut list = List::default();
    for (file, value) in resources.unified.iter().flatten() {
        list.push(&format!("unified.{file}"), file, value);
    }
    list.0
}

impl Resources {
    /// Something is limited.
    pub fn is_limited(&self) -> bool {
        LIMITING.iter().any(|controller| self.concerns(controller)) || !by_name(self).is_empty()
    }

    /// Something is limited that the host must enforce.
    pub fn needs_cgroup(&self) -> bool {
        Resources { pids: None, ..self.clone() }.is_limited()
    }

    /// Something is to be set with this controller of version 1, or with its successor.
    pub fn concerns(&self, controller: &str) -> bool {
        let target = Target { is_unified: false, has: &|_| true };
        let is_named = |setting: &Setting| setting.file.split('.').next() == Some(successor(controller));
        // What makes no sense is told when it is set.
        settings(controller, self, target).map_or(true, |settings| !settings.is_empty())
            || by_name(self).iter().any(is_named)
    }
}

/// What version 2 calls a controller.
pub fn successor(controller: &str) -> &str {
    match controller {
        "blkio" => "io",
        "cpuacct" => "cpu",
        other => other,
    }
}

fn wrong(field: &str, problem: impl std::fmt::Display) -> Failure {
    Failure::new(format!("linux.resources.{field}"), problem)
}

/// Collects settings.
#[derive(Default)]
struct List(Vec<Setting>);

impl List {
    fn push(&mut self, field: &str, file: &str, value: impl ToString) {
        let field = format!("linux.resources.{field}");
        self.0.push(Setting { field, file: file.into(), value: value.to_string() });
    }

    fn given(&mut self, field: &str, file: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.push(field, file, value);
        }
    }
}

/// Zero stands for what is not given.
fn nonzero<T: Default + PartialEq>(value: Option<T>) -> Option<T> {
    value.filter(|value| *value != T::default())
}

fn text(list: Option<&String>) -> Option<&String> {
    list.filter(|list| !list.is_empty())
}

/// The host counts two threads for each of the application's, and those of the sandbox itself. The
/// application's number is the kernel's own to limit.
fn host_threads(limit: i64) -> i64 {
    limit.saturating_mul(2).saturating_add(64)
}

/// Both versions limit numbers of processes in the same way.
fn set_pids(resources: &Resources, list: &mut List) {
    match resources.pids.map_or(0, |pids| pids.limit) {
        0 => {}
        limit if limit < 0 => list.push("pids.limit", "pids.max", "max"),
        limit => list.push("pids.limit", "pids.max", host_threads(limit)),
    }
}

/// RDMA devices are limited in the same way, too.
fn set_rdma(resources: &Resources, list: &mut List) {
    for (device, limit) in resources.rdma.iter().flatten() {
        let number = |limit: Option<u32>| limit.map_or("max".to_owned(), |limit| limit.to_string());
        let value =
            format!("{device} hca_handle={} hca_object={}", number(limit.hca_handles), number(limit.hca_objects));
        list.push(&format!("rdma.{device}"), "rdma.max", value);
    }
}

/// Memory, and memory with swap, whose limits depend on each other. Without a limit of memory swap has none either.
fn memory_and_swap(memory: &Memory) -> Result<(Option<i64>, Option<i64>), Failure> {
    let (limit, swap) = (nonzero(memory.limit), nonzero(memory.swap));
    match (limit, swap) {
        (Some(limit), Some(swap)) if swap > 0 && swap < limit => {
            Err(wrong("memory.swap", format!("{swap} is less than the limit of memory, {limit}")))
        }
        (Some(-1) | None, Some(swap)) if swap > 0 => {
            Err(wrong("memory.swap", "cannot be limited without a limit of memory"))
        }
        (Some(-1), None) => Ok((limit, Some(-1))),
        both => Ok(both),
    }
}

/// The limits of single devices: field, and the kind of access as version 1 and version 2 name it.
fn throttles(block_io: &BlockIo) -> [(&'static str, &'static str, &'static str, &[ThrottleDevice]); 4] {
    [
        ("throttleReadBpsDevice", "read_bps", "rbps", block_io.throttle_read_bps_device.as_deref().unwrap_or(&[])),
        ("throttleWriteBpsDevice", "write_bps", "wbps", block_io.throttle_write_bps_device.as_deref().unwrap_or(&[])),
        ("throttleReadIOPSDevice", "read_iops", "riops", block_io.throttle_read_iops_device.as_deref().unwrap_or(&[])),
        (
            "throttleWriteIOPSDevice",
            "write_iops",
            "wiops",
            block_io.throttle_write_iops_device.as_deref().unwrap_or(&[]),
        ),
    ]
}

#[cfg(test)]
mod tests;
