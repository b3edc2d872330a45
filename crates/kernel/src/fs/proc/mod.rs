//! procfs: processes and the system as text; see proc(5).

mod descriptors;
mod maps;
mod memory;
mod network;
mod process;
mod sockets;
mod status;
mod sysctl;
mod system;
mod sysvipc;
mod totals;

pub use process::shown_by;
pub use status::{arguments, memory_size, resident_pages_of, state};

use lazaret_abi::{errno::Errno, mount::magic};

use self::process::Subject;
use super::{
    inode::{FileKind, Inode, LinkTarget},
    pseudo::{Entries, PseudoDirectory, PseudoFs, PseudoLink, StaticDirectory},
};
use crate::{
    boot::Kernel,
    sync::{Arc, Weak},
    task::{Task, pid::PidNamespace},
};

/// The root directory of a new procfs that shows the processes of `namespace`.
pub fn new_root(kernel: &Arc<Kernel>, namespace: Arc<PidNamespace>, device: u64) -> Arc<dyn Inode> {
    let fs = PseudoFs::new(device, magic::PROC_SUPER_MAGIC);
    let caller = |namespace: &Arc<PidNamespace>, thread: bool| {
        let namespace = namespace.clone();
        PseudoLink::inode(&fs, move || {
            let task = Task::try_current().ok_or(Errno::ENOENT)?;
            let process = task.group().pid().number_in(&namespace);
            let target = match (process, thread) {
                (0, _) => return Err(Errno::ENOENT),
                (process, false) => process.to_string(),
                (process, true) => format!("{process}/task/{}", task.pid().number_in(&namespace)),
            };
            Ok(LinkTarget::Path(target.into_bytes()))
        })
    };
    let fixed = system::add_files(&fs, kernel, StaticDirectory::new())
        .with("self", caller(&namespace, false))
        .with("sys", sysctl::new_root(&fs, kernel))
        .with("sysvipc", sysvipc::directory(&fs))
        .with("thread-self", caller(&namespace, true));
    PseudoDirectory::inode(&fs, Root { fs: fs.clone(), kernel: Arc::downgrade(kernel), namespace, fixed })
}

/// The number in a name, if it is written as the kernel writes it.
fn number(name: &[u8]) -> Option<i32> {
    let number: i32 = std::str::from_utf8(name).ok()?.parse().ok()?;
    (number >= 0 && number.to_string().as_bytes() == name).then_some(number)
}

/// Positions of numbered entries come after all others.
const NUMBERED: u64 = 256;

/// Directory entries with these numbers as names, ascending; 0 stands for what is not visible.
fn numbered(numbers: impl Iterator<Item = i32>) -> Vec<(u64, Vec<u8>, FileKind, u64)> {
    let mut numbers: Vec<u32> = numbers.filter(|number| *number > 0).map(i32::unsigned_abs).collect();
    numbers.sort_unstable();
    let entry = |number: u32| {
        let position = NUMBERED + u64::from(number);
        (position, number.to_string().into_bytes(), FileKind::Directory, position)
    };
    numbers.into_iter().map(entry).collect()
}

/// The root: fixed names, and a directory for each process.
struct Root {
    fs: Arc<PseudoFs>,
    kernel: Weak<Kernel>,
    namespace: Arc<PidNamespace>,
    fixed: StaticDirectory,
}

impl Entries for Root {
    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>, Errno> {
        let Some(number) = number(name) else { return self.fixed.lookup(name) };
        let pid = self.namespace.find(number).ok_or(Errno::ENOENT)?;
        let kernel = self.kernel.upgrade().ok_or(Errno::ENOENT)?;
        let tree = kernel.processes();
        // A thread's directory can be entered by its number, though it is not listed.
        let process = match tree.node(pid.global()) {
            Some(node) => node.process.clone(),
            None => tree.task(pid.global()).ok_or(Errno::ENOENT)?.group().clone(),
        };
        drop(tree);
        Ok(process::directory(Subject {
            fs: self.fs.clone(),
            kernel: self.kernel.clone(),
            namespace: self.namespace.clone(),
            process,
            thread: None,
        }))
    }

    fn list(&self) -> Result<Vec<(u64, Vec<u8>, FileKind, u64)>, Errno> {
        let mut entries = self.fixed.list()?;
        let kernel = self.kernel.upgrade().ok_or(Errno::ENOENT)?;
        let tree = kernel.processes();
        entries.extend(numbered(tree.nodes().map(|node| node.process.pid().number_in(&self.namespace))));
        Ok(entries)
    }
}
