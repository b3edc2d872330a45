//! The files of a cgroup.

use std::os::fd::OwnedFd;

use lazaret_abi::errno::Errno;

use super::Hierarchy;
use crate::{
    boot::Kernel,
    fs::{
        hostfs::read_whole,
        inode::Inode,
        pseudo::{PseudoFile, PseudoFs, StaticDirectory},
        registry::Mounter,
    },
    sync::{Arc, Ordering, Weak},
    task::{
        cgroup::ControlGroup,
        pid::{Pid, PidNamespace},
    },
};

/// A file with the text of one of the host's.
pub fn of_host(fs: &Arc<PseudoFs>, file: Arc<OwnedFd>) -> Arc<dyn Inode> {
    PseudoFile::inode(fs, 0o444, move || read_whole(&file))
}

/// What the kernel knows by itself.
#[derive(Clone)]
struct Members {
    kernel: Weak<Kernel>,
    /// Whose numbers are shown.
    namespace: Arc<PidNamespace>,
    cgroup: Arc<ControlGroup>,
}

impl Members {
    /// Ids of the processes or threads, a line each.
    fn list(&self, threads: bool) -> Result<Vec<u8>, Errno> {
        let kernel = self.kernel.upgrade().ok_or(Errno::ESRCH)?;
        let mut numbers: Vec<i32> = {
            let tree = kernel.processes();
            let number = |pid: &Pid| pid.number_in(&self.namespace);
            if threads {
                tree.tasks_of(&self.cgroup).map(|task| number(&task.pid())).collect()
            } else {
                tree.nodes_of(&self.cgroup).map(|node| number(node.process.pid())).collect()
            }
        };
        numbers.retain(|number| *number > 0);
        numbers.sort_unstable();
        Ok(numbers.iter().map(|number| format!("{number}\n")).collect::<String>().into_bytes())
    }

    /// How many tasks there are.
    fn count(&self) -> Result<Vec<u8>, Errno> {
        let kernel = self.kernel.upgrade().ok_or(Errno::ESRCH)?;
        let count = kernel.processes().tasks_of(&self.cgroup).count();
        Ok(format!("{count}\n").into_bytes())
    }

    /// How many there may be.
    fn limit(&self) -> Result<Vec<u8>, Errno> {
        Ok(match self.cgroup.max_tasks.load(Ordering::Relaxed) {
            u64::MAX => b"max\n".to_vec(),
            most => format!("{most}\n").into_bytes(),
        })
    }
}

/// Text that is made anew for each reader.
type Make = fn(&Members) -> Result<Vec<u8>, Errno>;

/// Files of both versions.
const COMMON: [(&str, Make); 1] = [("cgroup.procs", |members| members.list(false))];

/// Files of every cgroup of version 1.
const LEGACY: [(&str, Make); 3] = [
    ("cgroup.clone_children", |_| Ok(b"0\n".to_vec())),
    ("notify_on_release", |_| Ok(b"0\n".to_vec())),
    ("tasks", |members| members.list(true)),
];

/// Files of a cgroup of version 2.
const UNIFIED: [(&str, Make); 8] = [
    ("cgroup.events", |_| Ok(b"populated 1\nfrozen 0\n".to_vec())),
    ("cgroup.freeze", |_| Ok(b"0\n".to_vec())),
    ("cgroup.max.depth", |_| Ok(b"max\n".to_vec())),
    ("cgroup.max.descendants", |_| Ok(b"max\n".to_vec())),
    ("cgroup.stat", |_| Ok(b"nr_descendants 0\nnr_dying_descendants 0\n".to_vec())),
    ("cgroup.subtree_control", |_| Ok(b"\n".to_vec())),
    ("cgroup.threads", |members| members.list(true)),
    ("cgroup.type", |_| Ok(b"domain\n".to_vec())),
];

/// Files of the controller that counts tasks: the application's, not the threads that the host runs for them.
const PIDS: [(&str, Make); 3] =
    [("pids.current", Members::count), ("pids.events", |_| Ok(b"max 0\n".to_vec())), ("pids.max", Members::limit)];

/// Adds the files that the kernel answers itself.
pub fn add_own(fs: &Arc<PseudoFs>, hierarchy: &Hierarchy, mounter: Mounter<'_>, entries: &mut StaticDirectory) {
    let Mounter { kernel, namespace, cgroup, .. } = mounter;
    let members = Members { kernel: Arc::downgrade(kernel), namespace: namespace.clone(), cgroup: cgroup.clone() };
    let mut add = |files: &[(&str, Make)]| {
        for (name, make) in files {
            let (members, make) = (members.clone(), *make);
            entries.add(*name, PseudoFile::inode(fs, 0o444, move || make(&members)));
        }
    };
    add(&COMMON);
    if hierarchy.is_unified() {
        add(&UNIFIED);
        if !hierarchy.files.contains_key("cgroup.controllers") {
            add(&[("cgroup.controllers", |_| Ok(b"\n".to_vec()))]);
        }
        if !hierarchy.files.is_empty() {
            add(&PIDS);
        }
    } else {
        add(&LEGACY);
        if hierarchy.controllers.iter().any(|name| name == "pids") {
            add(&PIDS);
        }
    }
}
