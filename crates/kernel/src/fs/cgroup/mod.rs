//! The cgroup file systems: what a container sees of the cgroups that it is in; see cgroups(7).
//!
//! A container is in one cgroup of each hierarchy, which it sees as the root. What its files tell of
//! memory, processors and devices the host counts, and they are read from the host's own files, which
//! were opened before the sandbox was confined. Processes are the kernel's to count. Nothing can be
//! written, and no cgroup be made.

mod files;

use std::{collections::BTreeMap, fmt::Write, os::fd::OwnedFd};

use lazaret_abi::errno::Errno;
use lazaret_snapshot::Snapshot;

use super::{
    inode::Inode,
    pseudo::{PseudoDirectory, PseudoFs, StaticDirectory},
    registry::Mounter,
};
use crate::sync::Arc;

/// `f_type` of cgroup2 and of cgroup.
const CGROUP2_MAGIC: u64 = 0x6367_7270;
const CGROUP_MAGIC: u64 = 0x0027_e0eb;

/// Controllers of version 1, as `/proc/cgroups` lists them.
const CONTROLLERS: [&str; 12] = [
    "cpuset",
    "cpu",
    "cpuacct",
    "blkio",
    "memory",
    "devices",
    "freezer",
    "net_cls",
    "perf_event",
    "net_prio",
    "hugetlb",
    "pids",
];

/// A container's cgroup in one hierarchy of the host.
#[derive(Debug, Default, Snapshot)]
pub struct Hierarchy {
    /// The controllers of the hierarchy in version 1; none in version 2.
    pub controllers: Vec<String>,
    /// Files of the host that tell of the container, by their names. After a restore there are none.
    #[snapshot(skip)]
    pub files: BTreeMap<String, Arc<OwnedFd>>,
}

impl Hierarchy {
    /// As mount(2) and `/proc/PID/cgroup` name the controllers.
    pub fn name(&self) -> String {
        self.controllers.join(",")
    }

    /// It is of version 2.
    fn is_unified(&self) -> bool {
        self.controllers.is_empty()
    }

    /// The root directory of a file system that shows it.
    fn new_root(&self, mounter: Mounter<'_>, device: u64) -> Arc<dyn Inode> {
        let magic = if self.is_unified() { CGROUP2_MAGIC } else { CGROUP_MAGIC };
        let fs = &PseudoFs::new(device, magic);
        let mut entries = StaticDirectory::new();
        for (name, file) in &self.files {
            entries.add(name.as_str(), files::of_host(fs, file.clone()));
        }
        files::add_own(fs, self, mounter, &mut entries);
        PseudoDirectory::inode(fs, entries)
    }
}

/// The cgroups of a container. Without any it sees one of version 2 that counts nothing but processes.
#[derive(Debug, Default, Snapshot)]
pub struct Hierarchies(Vec<Hierarchy>);

impl Hierarchies {
    /// Those of a container: several of version 1, or one of version 2.
    pub fn new(hierarchies: Vec<Hierarchy>) -> Hierarchies {
        Hierarchies(hierarchies)
    }

    /// The hierarchies of version 1.
    pub fn legacy(&self) -> impl Iterator<Item = &Hierarchy> {
        self.0.iter().filter(|hierarchy| !hierarchy.is_unified())
    }

    /// The root directory of a new cgroup2.
    pub fn unified_root(&self, mounter: Mounter<'_>, device: u64) -> Arc<dyn Inode> {
        let nothing = Hierarchy::default();
        let hierarchy = self.0.iter().find(|hierarchy| hierarchy.is_unified()).unwrap_or(&nothing);
        hierarchy.new_root(mounter, device)
    }

    /// The root directory of a new file system of version 1, with the controllers that `data` names.
    ///
    /// # Errors
    /// `EINVAL` when there is no such hierarchy.
    pub fn legacy_root(&self, data: &str, mounter: Mounter<'_>, device: u64) -> Result<Arc<dyn Inode>, Errno> {
        let mut wanted: Vec<&str> = data.split(',').collect();
        wanted.sort_unstable();
        let is_wanted = |hierarchy: &&Hierarchy| {
            let mut names: Vec<&str> = hierarchy.controllers.iter().map(String::as_str).collect();
            names.sort_unstable();
            names == wanted
        };
        let hierarchy = self.legacy().find(is_wanted).ok_or(Errno::EINVAL)?;
        Ok(hierarchy.new_root(mounter, device))
    }

    /// The text of `/proc/PID/cgroup`.
    pub fn of_process(&self) -> Vec<u8> {
        let numbered: Vec<_> = (1..).zip(self.legacy()).collect();
        let line = |(number, hierarchy): (i32, &Hierarchy)| format!("{number}:{}:/\n", hierarchy.name());
        let mut text: String = numbered.into_iter().rev().map(line).collect();
        text.push_str("0::/\n");
        text.into_bytes()
    }

    /// The text of `/proc/cgroups`.
    pub fn table(&self) -> Vec<u8> {
        let mut text = "#subsys_name\thierarchy\tnum_cgroups\tenabled\n".to_owned();
        for controller in CONTROLLERS {
            let has = |hierarchy: &Hierarchy| hierarchy.controllers.iter().any(|name| name == controller);
            // One that is bound to no hierarchy of version 1 is version 2's.
            let number = self.legacy().position(has).map_or(0, |position| position + 1);
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{controller}\t{number}\t1\t1");
        }
        text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        boot::{MountSource, MountSpec},
        fs::{
            container::{TreeSpec, build},
            vfs::{OpenHow, PathContext},
        },
        task::{cgroup::ControlGroup, creds::Creds},
        uio::BufferSink,
    };

    fn legacy(controllers: &[&str]) -> Hierarchy {
        Hierarchy { controllers: controllers.iter().copied().map(Into::into).collect(), files: BTreeMap::new() }
    }

    #[test]
    fn processes_are_told_their_hierarchies() {
        let cgroups = Hierarchies(vec![legacy(&["cpu", "cpuacct"]), legacy(&["memory"])]);
        assert_eq!(cgroups.of_process(), b"2:memory:/\n1:cpu,cpuacct:/\n0::/\n");
        let table = String::from_utf8(cgroups.table()).unwrap();
        assert!(table.contains("\ncpu\t1\t1\t1\ncpuacct\t1\t1\t1\n") && table.contains("\npids\t0\t1\t1\n"), "{table}");
        assert_eq!(Hierarchies::default().of_process(), b"0::/\n");
    }

    /// The text of a file in a container that mounts its cgroups.
    fn read(cgroups: Vec<Hierarchy>, unified: bool, path: &str) -> Result<String, Errno> {
        let kernel = crate::testing::kernel();
        let cgroup = Arc::new(ControlGroup::new(None, Hierarchies::new(cgroups)));
        let mount = |destination: &str, source| MountSpec { destination: destination.into(), source, flags: 0 };
        let tree = TreeSpec {
            root: mount("/", MountSource::Tmpfs { options: "mode=755".into() }),
            mounts: vec![mount("/g", MountSource::Cgroup { unified })],
            masked_paths: Vec::new(),
            readonly_paths: Vec::new(),
        };
        let ipc = crate::ipc::IpcNamespace::new();
        let mounter = Mounter { kernel: &kernel, namespace: &kernel.pids, ipc: &ipc, cgroup: &cgroup };
        let creds = Arc::new(Creds::root());
        let root = build(mounter, tree, creds.clone()).unwrap().root();
        let context = PathContext { root: root.clone(), directory: root, creds, umask: 0 };
        let file = context.open(path.as_bytes(), &OpenHow::default())?;
        let mut text = BufferSink::new(4096);
        file.read(&mut text)?;
        Ok(String::from_utf8(text.data).unwrap())
    }

    fn with_file(mut hierarchy: Hierarchy, name: &str, text: &str) -> Hierarchy {
        let file = rustix::fs::memfd_create(name, rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        rustix::io::write(&file, text.as_bytes()).unwrap();
        hierarchy.files.insert(name.into(), Arc::new(file));
        hierarchy
    }

    #[test]
    fn version_1_is_a_directory_of_hierarchies() {
        let cgroups = || {
            let memory = with_file(legacy(&["memory"]), "memory.limit_in_bytes", "4096\n");
            vec![legacy(&["cpu", "cpuacct"]), memory, legacy(&["pids"])]
        };
        let read = |path: &str| read(cgroups(), false, path);
        assert_eq!(read("/g/memory/memory.limit_in_bytes").as_deref(), Ok("4096\n"));
        assert_eq!(read("/g/pids/pids.max").as_deref(), Ok("max\n"));
        assert_eq!(read("/g/pids/pids.current").as_deref(), Ok("0\n"));
        assert_eq!(read("/g/cpu/notify_on_release").as_deref(), Ok("0\n"));
        assert_eq!(read("/g/cpuacct/tasks").as_deref(), Ok(""));
        assert_eq!(read("/g/cpu/pids.max"), Err(Errno::ENOENT));
    }

    #[test]
    fn version_2_is_one_directory() {
        let unified = || vec![with_file(Hierarchy::default(), "memory.max", "max\n")];
        assert_eq!(read(unified(), true, "/g/memory.max").as_deref(), Ok("max\n"));
        // A runtime mounts version 2 where the host has nothing else, whatever the specification calls it.
        assert_eq!(read(unified(), false, "/g/memory.max").as_deref(), Ok("max\n"));
        assert_eq!(read(unified(), true, "/g/pids.max").as_deref(), Ok("max\n"));
        assert_eq!(read(Vec::new(), true, "/g/memory.max"), Err(Errno::ENOENT));
        assert_eq!(read(Vec::new(), true, "/g/cgroup.controllers").as_deref(), Ok("\n"));
    }
}
