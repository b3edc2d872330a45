//! mount(2), umount2(2), pivot_root(2).

mod api;

pub use api::{fsconfig, fsmount, fsopen, fspick, mount_setattr, move_mount, open_tree};

use lazaret_abi::{
    errno::Errno,
    mount::{mount as ms, umount},
};

use super::SysResult;
use crate::{
    fs::{
        at, registry,
        vfs::{Location, LookupFlags, Mount, MountFlags, MountNamespace, mount::Propagation},
    },
    sync::Arc,
    task::{Current, creds::cap},
    uaddr::UserAddr,
};

/// Longest mount data: a page.
const DATA_MAX: usize = 4096;

fn text(current: &Current, address: UserAddr, limit: usize) -> Result<String, Errno> {
    if address.is_null() {
        return Ok(String::new());
    }
    String::from_utf8(current.read_cstr(address, limit)?).map_err(|_| Errno::EINVAL)
}

fn check_admin(current: &Current) -> Result<(), Errno> {
    if current.task.creds().has(cap::SYS_ADMIN) { Ok(()) } else { Err(Errno::EPERM) }
}

fn lookup(current: &Current, path: UserAddr, flags: LookupFlags) -> Result<Location, Errno> {
    let path = current.read_path(path)?;
    at::context(current).lookup(&path, flags)
}

/// The mount namespace of the task: the one its root is in.
fn namespace(current: &Current) -> Result<Arc<MountNamespace>, Errno> {
    current.task.fs().root().mount.namespace().ok_or(Errno::EINVAL)
}

/// mount(2).
pub fn mount(
    current: &mut Current,
    source: UserAddr,
    target: UserAddr,
    fs_type: UserAddr,
    flags: u64,
    data: UserAddr,
) -> SysResult {
    // Old programs put a magic number into the upper half.
    const MAGIC: u64 = 0xc0ed_0000;
    const MAGIC_MASK: u64 = 0xffff_0000;
    let flags = if flags & MAGIC_MASK == MAGIC { flags & !MAGIC_MASK } else { flags };
    let fs_type = text(current, fs_type, DATA_MAX)?;
    let target = lookup(current, target, LookupFlags::FOLLOW)?;
    check_admin(current)?;
    let namespace = namespace(current)?;
    if flags & ms::REMOUNT != 0 {
        return remount(current, &namespace, &target, flags, data);
    }
    if flags & ms::BIND != 0 {
        let source = lookup(current, source, LookupFlags::FOLLOW)?;
        namespace.bind(&source, &target, flags & ms::REC != 0)?;
        return Ok(0);
    }
    if flags & (ms::SHARED | ms::PRIVATE | ms::SLAVE | ms::UNBINDABLE) != 0 {
        return set_propagation(&namespace, &target, flags);
    }
    if flags & ms::MOVE != 0 {
        let source = lookup(current, source, LookupFlags::FOLLOW)?;
        namespace.move_mount(&source, &target)?;
        return Ok(0);
    }
    let (source, data) = (text(current, source, DATA_MAX)?, text(current, data, DATA_MAX)?);
    let task = current.task.clone();
    let mounter = registry::Mounter {
        kernel: task.kernel(),
        namespace: task.group().namespace(),
        ipc: &task.namespaces().ipc,
        cgroup: task.group().cgroup(),
    };
    let superblock = registry::new_superblock(mounter, &fs_type, &source, &data)?;
    namespace.mount(&Mount::new(superblock, MountFlags::from_ms(flags)), &target)?;
    Ok(0)
}

fn remount(
    current: &Current,
    namespace: &Arc<MountNamespace>,
    target: &Location,
    flags: u64,
    data: UserAddr,
) -> SysResult {
    if flags & ms::BIND == 0 {
        let data = text(current, data, DATA_MAX)?;
        if !target.is_mount_root() {
            return Err(Errno::EINVAL);
        }
        registry::reconfigure(target.mount.superblock(), &data)?;
        target.mount.superblock().set_read_only(flags & ms::RDONLY != 0);
    }
    namespace.remount(target, MountFlags::from_ms(flags))?;
    Ok(0)
}

fn set_propagation(namespace: &Arc<MountNamespace>, target: &Location, flags: u64) -> SysResult {
    let kinds = ms::SHARED | ms::PRIVATE | ms::SLAVE | ms::UNBINDABLE;
    if flags & !(kinds | ms::REC | ms::SILENT) != 0 || (flags & kinds).count_ones() != 1 || !target.is_mount_root() {
        return Err(Errno::EINVAL);
    }
    let propagation = match flags & kinds {
        // A mount that has no peers and becomes a slave is private; see mount_namespaces(7).
        ms::PRIVATE | ms::SLAVE => Propagation::Private,
        ms::UNBINDABLE => Propagation::Unbindable,
        // There are no peer groups.
        _ => return Err(Errno::EINVAL),
    };
    namespace.set_propagation(target, propagation, flags & ms::REC != 0)?;
    Ok(0)
}

/// umount2(2).
pub fn umount2(current: &mut Current, target: UserAddr, flags: u32) -> SysResult {
    let known = umount::MNT_FORCE | umount::MNT_DETACH | umount::MNT_EXPIRE | umount::UMOUNT_NOFOLLOW;
    if flags & !known != 0 {
        return Err(Errno::EINVAL);
    }
    let mut lookup_flags = LookupFlags::FOLLOW;
    lookup_flags.set(LookupFlags::FOLLOW, flags & umount::UMOUNT_NOFOLLOW == 0);
    // Also what is mounted over the working directory, after pivot_root(".", ".").
    let target = lookup(current, target, lookup_flags)?.cross_mounts();
    check_admin(current)?;
    if flags & umount::MNT_EXPIRE != 0 {
        // Expiry takes two calls with no use between; the first always answers so.
        return Err(if flags & (umount::MNT_FORCE | umount::MNT_DETACH) != 0 { Errno::EINVAL } else { Errno::EAGAIN });
    }
    let root = current.task.fs().root();
    if target.is_same(&root) && flags & umount::MNT_DETACH == 0 {
        return Err(Errno::EBUSY);
    }
    namespace(current)?.unmount(&target, flags & umount::MNT_DETACH != 0)?;
    Ok(0)
}

/// pivot_root(2).
pub fn pivot_root(current: &mut Current, new_root: UserAddr, put_old: UserAddr) -> SysResult {
    check_admin(current)?;
    let flags = LookupFlags::FOLLOW | LookupFlags::DIRECTORY;
    let new_root = lookup(current, new_root, flags)?;
    let put_old = lookup(current, put_old, flags)?;
    let fs = current.task.fs();
    let old_root = fs.root();
    namespace(current)?.pivot_root(&old_root, &new_root, &put_old)?;
    // All tasks whose root or working directory was the old root move along; this kernel's other
    // tasks are found by their namespace when they walk.
    if fs.directory().is_same(&old_root) {
        fs.set_directory(new_root.clone());
    }
    fs.set_root(new_root);
    Ok(0)
}
