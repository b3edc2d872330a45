//! Namespaces of tasks, but for what file trees and pids hold themselves; see namespaces(7).

use lazaret_snapshot::{Context, Snapshot};

use super::{pid::PidNamespace, uts::UtsNamespace};
use crate::{
    fs::{context::FsContext, vfs::MountNamespace},
    ipc::IpcNamespace,
    sync::{Arc, AtomicU64, Ordering},
};

/// Identity of a namespace: the inode number that `/proc/PID/ns` shows.
#[derive(Debug, Snapshot)]
#[snapshot(attach = NamespaceId::restored)]
pub struct NamespaceId(u64);

/// Where Linux begins to number those that are not its first ones.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(4_026_532_000);

impl NamespaceId {
    /// New namespaces get other numbers than restored ones have.
    fn restored(this: &Arc<NamespaceId>, _context: &Context) -> lazaret_snapshot::Result<()> {
        NEXT_NUMBER.fetch_max(this.0.saturating_add(1), Ordering::Relaxed);
        Ok(())
    }

    /// A new namespace.
    pub fn new() -> Arc<NamespaceId> {
        Arc::new(NamespaceId(NEXT_NUMBER.fetch_add(1, Ordering::Relaxed)))
    }

    /// The inode number.
    pub fn number(&self) -> u64 {
        self.0
    }
}

/// The namespaces of a task.
#[derive(Clone, Snapshot)]
pub struct Namespaces {
    /// Names of the system.
    pub uts: Arc<UtsNamespace>,
    /// Identity of the UTS namespace.
    pub uts_id: Arc<NamespaceId>,
    /// Mounts.
    pub mount: Arc<MountNamespace>,
    /// Identity of the mount namespace.
    pub mount_id: Arc<NamespaceId>,
    /// The pid namespace that children of the task will be in.
    pub pid_for_children: Arc<PidNamespace>,
    /// Identity of the user namespace.
    pub user: Arc<NamespaceId>,
    /// Identity of the network namespace.
    pub net: Arc<NamespaceId>,
    /// System V IPC and POSIX message queues.
    pub ipc: Arc<IpcNamespace>,
    /// Identity of the cgroup namespace.
    pub cgroup: Arc<NamespaceId>,
    /// Identity of the time namespace.
    pub time: Arc<NamespaceId>,
}

/// The namespaces with a copy of the mount namespace; root and working directory of `fs` move to it.
pub fn with_new_mounts(namespaces: &Namespaces, fs: &FsContext) -> Namespaces {
    let (mount, copies) = namespaces.mount.duplicate();
    fs.set_root(copies.translate(&fs.root()));
    fs.set_directory(copies.translate(&fs.directory()));
    Namespaces { mount, mount_id: NamespaceId::new(), ..namespaces.clone() }
}
