//! Files that stand for namespaces: what the links of `/proc/PID/ns` lead to; see namespaces(7).

use lazaret_abi::{errno::Errno, process::clone as flag};

use super::{
    anon::{Reopen, namespace_location},
    file::{File, FileOps},
    vfs::{Location, MountNamespace},
};
use crate::{
    ipc::IpcNamespace,
    sync::Arc,
    task::{Current, Task, namespaces::NamespaceId, pid::PidNamespace, uts::UtsNamespace},
    uaddr::UserAddr,
};

/// A namespace of any kind.
#[derive(Clone)]
#[allow(missing_docs, reason = "the names are those of the kinds")]
pub enum Namespace {
    Cgroup(Arc<NamespaceId>),
    Ipc(Arc<IpcNamespace>),
    Mount(Arc<MountNamespace>, Arc<NamespaceId>),
    Net(Arc<NamespaceId>),
    Pid(Arc<PidNamespace>),
    Time(Arc<NamespaceId>),
    User(Arc<NamespaceId>),
    Uts(Arc<UtsNamespace>, Arc<NamespaceId>),
}

impl Namespace {
    /// All namespaces of a task, without the one that its children will be in.
    pub fn all(task: &Task) -> Vec<Namespace> {
        let own = task.namespaces();
        vec![
            Namespace::Cgroup(own.cgroup.clone()),
            Namespace::Ipc(own.ipc.clone()),
            Namespace::Mount(own.mount.clone(), own.mount_id.clone()),
            Namespace::Net(own.net.clone()),
            Namespace::Pid(task.group().namespace().clone()),
            Namespace::Time(own.time.clone()),
            Namespace::User(own.user.clone()),
            Namespace::Uts(own.uts.clone(), own.uts_id.clone()),
        ]
    }

    /// The flag of clone(2) that makes one of the kind.
    pub fn kind(&self) -> u64 {
        match self {
            Namespace::Cgroup(_) => flag::NEWCGROUP,
            Namespace::Ipc(_) => flag::NEWIPC,
            Namespace::Mount(..) => flag::NEWNS,
            Namespace::Net(_) => flag::NEWNET,
            Namespace::Pid(_) => flag::NEWPID,
            Namespace::Time(_) => flag::NEWTIME,
            Namespace::User(_) => flag::NEWUSER,
            Namespace::Uts(..) => flag::NEWUTS,
        }
    }

    /// The name of the kind, as `/proc/PID/ns` has it.
    pub fn name(&self) -> &'static str {
        match self {
            Namespace::Cgroup(_) => "cgroup",
            Namespace::Ipc(_) => "ipc",
            Namespace::Mount(..) => "mnt",
            Namespace::Net(_) => "net",
            Namespace::Pid(_) => "pid",
            Namespace::Time(_) => "time",
            Namespace::User(_) => "user",
            Namespace::Uts(..) => "uts",
        }
    }

    /// The inode number.
    pub fn number(&self) -> u64 {
        match self {
            Namespace::Cgroup(id)
            | Namespace::Net(id)
            | Namespace::Time(id)
            | Namespace::User(id)
            | Namespace::Mount(_, id)
            | Namespace::Uts(_, id) => id.number(),
            Namespace::Ipc(ipc) => ipc.identity().number(),
            Namespace::Pid(pids) => pids.identity().number(),
        }
    }

    /// The place of the namespace's file.
    pub fn location(self) -> Location {
        let (name, number) = (self.name(), self.number());
        namespace_location(name, number, Arc::new(self))
    }
}

impl Reopen for Namespace {
    fn reopen(self: Arc<Self>, _flags: u32) -> Result<Box<dyn FileOps>, Errno> {
        Ok(Box::new(NamespaceFile { namespace: (*self).clone() }))
    }
}

/// An open file of a namespace.
pub struct NamespaceFile {
    namespace: Namespace,
}

impl NamespaceFile {
    /// The namespace that a file stands for, if it does.
    pub fn of(file: &File) -> Option<&Namespace> {
        file.ops().downcast_ref::<NamespaceFile>().map(|file| &file.namespace)
    }
}

impl FileOps for NamespaceFile {
    fn ioctl(&self, _file: &File, _current: &mut Current, request: u32, _argument: UserAddr) -> Result<usize, Errno> {
        /// NS_GET_NSTYPE of ioctl_ns(2).
        const GET_TYPE: u32 = 0xb703;
        match request {
            GET_TYPE => usize::try_from(self.namespace.kind()).map_err(|_| Errno::EINVAL),
            _ => Err(Errno::ENOTTY),
        }
    }
}
