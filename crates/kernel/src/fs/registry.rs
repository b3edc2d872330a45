//! File systems by the name that mount(2) calls them.

use lazaret_abi::errno::Errno;

use super::{container, proc, sys, tmpfs, vfs::SuperBlock};
use crate::{
    boot::Kernel,
    ipc::IpcNamespace,
    sync::Arc,
    task::{cgroup::ControlGroup, pid::PidNamespace},
    tty::Devpts,
};

/// Names of the file systems there are, as `/proc/filesystems` lists them. None needs a device.
pub const NAMES: [&str; 10] =
    ["sysfs", "tmpfs", "ramfs", "proc", "cgroup", "cgroup2", "devtmpfs", "devpts", "mqueue", "overlay"];

/// Who mounts: what file systems that show the kernel's state show.
#[derive(Clone, Copy)]
pub struct Mounter<'a> {
    /// The kernel.
    pub kernel: &'a Arc<Kernel>,
    /// Whose processes a procfs shows.
    pub namespace: &'a Arc<PidNamespace>,
    /// Whose message queues an mqueue shows.
    pub ipc: &'a Arc<IpcNamespace>,
    /// What cgroup file systems show.
    pub cgroup: &'a Arc<ControlGroup>,
}

/// Makes the file system of a new mount.
///
/// # Errors
/// `ENODEV` for a type that does not exist, `EINVAL` for bad data.
pub fn new_superblock(mounter: Mounter<'_>, fs_type: &str, source: &str, data: &str) -> Result<Arc<SuperBlock>, Errno> {
    match fs_type {
        "tmpfs" | "ramfs" => tmpfs::mount(source, data),
        "devtmpfs" => container::new_dev(),
        "proc" => {
            let root = proc::new_root(mounter.kernel, mounter.namespace.clone(), SuperBlock::allocate_device());
            Ok(SuperBlock::new("proc", source, "", root))
        }
        "sysfs" => {
            let root = sys::new_root(SuperBlock::allocate_device(), mounter.kernel);
            Ok(SuperBlock::new("sysfs", source, "", root))
        }
        "devpts" => {
            let devpts = Devpts::new(mounter.kernel, SuperBlock::allocate_device(), data)?;
            Ok(SuperBlock::new("devpts", source, data, devpts.root()))
        }
        "mqueue" => Ok(mounter.ipc.queues().superblock().clone()),
        "cgroup2" => {
            let device = SuperBlock::allocate_device();
            let root = mounter.cgroup.hierarchies.unified_root(mounter, device);
            Ok(SuperBlock::new("cgroup2", source, "", root))
        }
        "cgroup" => {
            let device = SuperBlock::allocate_device();
            let root = mounter.cgroup.hierarchies.legacy_root(data, mounter, device)?;
            Ok(SuperBlock::new("cgroup", source, data, root))
        }
        "" => Err(Errno::EINVAL),
        _ => Err(Errno::ENODEV),
    }
}

/// Changes the options of a mounted file system (MS_REMOUNT).
///
/// # Errors
/// `EINVAL` for bad data.
pub fn reconfigure(superblock: &SuperBlock, data: &str) -> Result<(), Errno> {
    match superblock.root().inode().downcast_ref::<tmpfs::TmpInode>() {
        Some(root) => root.reconfigure(data),
        None => Ok(()),
    }
}
