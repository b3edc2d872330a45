//! cgroup2 as a container sees it: one group without controllers, which all its processes are in.

use lazaret_abi::errno::Errno;

use super::{
    inode::Inode,
    pseudo::{PseudoDirectory, PseudoFile, PseudoFs, StaticDirectory},
};
use crate::{boot::Kernel, sync::Arc, task::pid::PidNamespace};

/// `f_type` of cgroup2.
const CGROUP2_MAGIC: u64 = 0x6367_7270;

/// The root directory of a cgroup2 whose processes are shown by their numbers in `namespace`.
pub fn new_root(kernel: &Arc<Kernel>, namespace: Arc<PidNamespace>, device: u64) -> Arc<dyn Inode> {
    let fs = &PseudoFs::new(device, CGROUP2_MAGIC);
    let fixed = |text: &'static str| PseudoFile::new(fs, 0o444, move || Ok::<_, Errno>(text.as_bytes().to_vec()));
    let numbers = |threads: bool| {
        let (kernel, namespace) = (Arc::downgrade(kernel), namespace.clone());
        PseudoFile::new(fs, 0o444, move || {
            let kernel = kernel.upgrade().ok_or(Errno::ESRCH)?;
            let processes: Vec<_> = kernel.processes().nodes().map(|node| node.process.clone()).collect();
            let mut numbers: Vec<i32> = if threads {
                let threads = processes.iter().flat_map(|process| process.threads());
                threads.map(|thread| thread.pid().number_in(&namespace)).collect()
            } else {
                processes.iter().map(|process| process.pid().number_in(&namespace)).collect()
            };
            numbers.retain(|number| *number > 0);
            Ok::<_, Errno>(numbers.iter().map(|number| format!("{number}\n")).collect::<String>().into_bytes())
        })
    };
    let entries = StaticDirectory::new()
        .with("cgroup.controllers", fixed("\n"))
        .with("cgroup.max.depth", fixed("max\n"))
        .with("cgroup.max.descendants", fixed("max\n"))
        .with("cgroup.procs", numbers(false))
        .with("cgroup.stat", fixed("nr_descendants 0\nnr_dying_descendants 0\n"))
        .with("cgroup.subtree_control", fixed("\n"))
        .with("cgroup.threads", numbers(true));
    PseudoDirectory::new(fs, entries)
}
