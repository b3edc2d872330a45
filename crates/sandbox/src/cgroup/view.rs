//! What a container may read of its cgroups: files of the host that are opened for the sandbox process.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    os::fd::OwnedFd,
    path::PathBuf,
    sync::Arc,
};

use lazaret_control::Failure;
use lazaret_kernel::fs::cgroup::{Hierarchies, Hierarchy};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::UNIFIED;

/// Files of a controller of version 1, after its name and a point. Numbers of processes, and what can only be
/// written, are not among them: the first are the kernel's own to tell.
const LEGACY: [(&str, &[&str]); 5] = [
    (
        "blkio",
        &[
            "bfq.weight",
            "throttle.io_service_bytes",
            "throttle.io_service_bytes_recursive",
            "throttle.io_serviced",
            "throttle.io_serviced_recursive",
            "throttle.read_bps_device",
            "throttle.read_iops_device",
            "throttle.write_bps_device",
            "throttle.write_iops_device",
        ],
    ),
    ("cpu", &["cfs_burst_us", "cfs_period_us", "cfs_quota_us", "rt_period_us", "rt_runtime_us", "shares", "stat"]),
    ("cpuacct", &["stat", "usage", "usage_all", "usage_percpu", "usage_sys", "usage_user"]),
    ("cpuset", &["cpus", "effective_cpus", "effective_mems", "mems"]),
    (
        "memory",
        &[
            "failcnt",
            "kmem.limit_in_bytes",
            "kmem.usage_in_bytes",
            "limit_in_bytes",
            "max_usage_in_bytes",
            "memsw.failcnt",
            "memsw.limit_in_bytes",
            "memsw.max_usage_in_bytes",
            "memsw.usage_in_bytes",
            "numa_stat",
            "oom_control",
            "soft_limit_in_bytes",
            "stat",
            "swappiness",
            "usage_in_bytes",
            "use_hierarchy",
        ],
    ),
];

/// Files of version 2.
const FILES: [&str; 28] = [
    "cgroup.controllers",
    "cpu.max",
    "cpu.max.burst",
    "cpu.pressure",
    "cpu.stat",
    "cpu.weight",
    "cpu.weight.nice",
    "cpuset.cpus",
    "cpuset.cpus.effective",
    "cpuset.mems",
    "cpuset.mems.effective",
    "io.max",
    "io.pressure",
    "io.stat",
    "io.weight",
    "memory.current",
    "memory.events",
    "memory.events.local",
    "memory.high",
    "memory.low",
    "memory.max",
    "memory.min",
    "memory.oom.group",
    "memory.peak",
    "memory.pressure",
    "memory.stat",
    "memory.swap.current",
    "memory.swap.max",
];

/// One hierarchy: its controllers, none in version 2, and the names of the files that are there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    controllers: Vec<String>,
    names: Vec<String>,
}

/// The hierarchies of a cgroup as a container sees them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct View(Vec<Shown>);

impl View {
    /// Opens the files, of which the host may lack some; without `files` none is opened, for a container
    /// that has no place to show them.
    pub fn open(directories: &BTreeMap<String, PathBuf>, files: bool) -> (View, Vec<OwnedFd>) {
        let mut opened = Vec::new();
        let mut shown = Vec::new();
        let places: BTreeSet<&PathBuf> = directories.values().collect();
        for place in places {
            // Controllers that are mounted together share a directory.
            let here = directories.iter().filter(|(_, directory)| *directory == place);
            let controllers: Vec<String> = here.map(|(name, _)| name.clone()).filter(|name| name != UNIFIED).collect();
            let mut names = if controllers.is_empty() { FILES.map(Into::into).to_vec() } else { legacy(&controllers) };
            names.retain(|name: &String| match File::open(place.join(name)) {
                Ok(file) if files => {
                    opened.push(file.into());
                    true
                }
                _ => false,
            });
            shown.push(Shown { controllers, names });
        }
        (View(shown), opened)
    }

    /// As a message has it.
    ///
    /// # Errors
    /// That of making one.
    pub fn to_message(&self) -> Result<Value, Failure> {
        serde_json::to_value(self).map_err(|error| Failure::new("describe the cgroups", error))
    }

    /// For the kernel, from a message and the files beside it.
    ///
    /// # Errors
    /// The message is another one.
    pub fn receive(message: Value, files: Vec<OwnedFd>) -> Result<Hierarchies, Failure> {
        let view: View =
            serde_json::from_value(message).map_err(|error| Failure::new("learn of the cgroups", error))?;
        Ok(view.bind(files))
    }

    /// Number of the files.
    pub fn count(&self) -> usize {
        self.0.iter().map(|shown| shown.names.len()).sum()
    }

    /// For the kernel, with the files in their order.
    pub fn bind(self, files: Vec<OwnedFd>) -> Hierarchies {
        Hierarchies::new(self.hierarchies(files))
    }

    fn hierarchies(self, files: Vec<OwnedFd>) -> Vec<Hierarchy> {
        let mut files = files.into_iter().map(Arc::new);
        let bind = |shown: Shown| Hierarchy {
            controllers: shown.controllers,
            files: shown.names.into_iter().zip(files.by_ref()).collect(),
        };
        self.0.into_iter().map(bind).collect()
    }
}

fn legacy(controllers: &[String]) -> Vec<String> {
    let known = LEGACY.iter().filter(|(name, _)| controllers.iter().any(|controller| controller == name));
    known.flat_map(|(name, files)| files.iter().map(move |file| format!("{name}.{file}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_keep_their_files() {
        let place = std::env::temp_dir().join(format!("lazaret-view-{}", std::process::id()));
        for name in ["both/cpu.shares", "both/cpuacct.usage", "both/tasks", "memory/memory.stat"] {
            std::fs::create_dir_all(place.join(name).parent().unwrap()).unwrap();
            std::fs::write(place.join(name), name).unwrap();
        }
        let directories = [("cpu", "both"), ("cpuacct", "both"), ("memory", "memory"), ("pids", "gone")];
        let directories = directories.map(|(name, directory)| (name.to_owned(), place.join(directory))).into();
        let (view, files) = View::open(&directories, true);
        let (unseen, none) = View::open(&directories, false);
        std::fs::remove_dir_all(&place).unwrap();
        assert_eq!((view.count(), files.len(), unseen.count(), none.len()), (3, 3, 0, 0));
        let bound = view.hierarchies(files);
        let names: Vec<(String, usize)> =
            bound.iter().map(|hierarchy| (hierarchy.name(), hierarchy.files.len())).collect();
        assert_eq!(names, [("cpu,cpuacct".into(), 2), ("pids".into(), 0), ("memory".into(), 1)]);
        let mut text = [0; 64];
        let length = rustix::io::pread(&bound[0].files["cpuacct.usage"], &mut text, 0).unwrap();
        assert_eq!(&text[..length], b"both/cpuacct.usage");
    }
}
