//! The newer calls that mount by descriptors: open_tree(2), move_mount(2), fsopen(2), fsconfig(2),
//! fsmount(2), fspick(2), mount_setattr(2).

use lazaret_abi::{
    errno::Errno,
    fcntl::at as at_flags,
    id::Fd,
    mount::{MountAttr, mount as ms},
};

use super::{check_admin, namespace, set_propagation, text};
use crate::{
    fs::{
        at::{self, locate},
        descriptor,
        file::flags,
        fscontext::FsConfig,
        registry::Mounter,
        vfs::{
            Location, LookupFlags, Mount,
            attach::{change_flags, copy_for_bind, flags_from_attributes},
            open::open_path,
        },
    },
    syscalls::SysResult,
    task::Current,
    uaddr::{UserAddr, UserPtr},
};

/// OPEN_TREE_CLONE
const OPEN_TREE_CLONE: u32 = 1;
/// FSOPEN_CLOEXEC and FSMOUNT_CLOEXEC
const CLOEXEC: u32 = 1;

/// Longest key and value of fsconfig(2).
const STRING_MAX: usize = 256;

/// open_tree(2).
pub fn open_tree(current: &mut Current, directory: Fd, path: UserAddr, tree_flags: u32) -> SysResult {
    let known = OPEN_TREE_CLONE
        | flags::CLOEXEC
        | at_flags::EMPTY_PATH
        | at_flags::NO_AUTOMOUNT
        | at_flags::RECURSIVE
        | at_flags::SYMLINK_NOFOLLOW;
    let clones = tree_flags & OPEN_TREE_CLONE != 0;
    let recursive = tree_flags & at_flags::RECURSIVE != 0;
    if tree_flags & !known != 0 || recursive && !clones {
        return Err(Errno::EINVAL);
    }
    if clones {
        check_admin(current)?;
    }
    let place = locate(current, directory, path, tree_flags & (at_flags::EMPTY_PATH | at_flags::SYMLINK_NOFOLLOW), !0)?;
    let place = if clones {
        namespace(current)?.check_member(&place.mount)?;
        Location::root_of(copy_for_bind(&place, recursive)?)
    } else {
        place
    };
    descriptor::install(current, open_path(place), tree_flags & flags::CLOEXEC != 0)
}

/// move_mount(2).
pub fn move_mount(
    current: &mut Current,
    from_directory: Fd,
    from: UserAddr,
    to_directory: Fd,
    to: UserAddr,
    move_flags: u32,
) -> SysResult {
    const FROM_SYMLINKS: u32 = 1;
    const FROM_EMPTY_PATH: u32 = 4;
    const TO_SYMLINKS: u32 = 0x10;
    const TO_EMPTY_PATH: u32 = 0x40;
    check_admin(current)?;
    if move_flags & !(FROM_SYMLINKS | FROM_EMPTY_PATH | TO_SYMLINKS | TO_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let find = |directory, path, follow, empty| {
        let path = current.read_path(path)?;
        let mut lookup = LookupFlags::empty();
        lookup.set(LookupFlags::FOLLOW, move_flags & follow != 0);
        lookup.set(LookupFlags::EMPTY_PATH, move_flags & empty != 0);
        at::resolve(current, directory, &path, lookup)
    };
    let from = find(from_directory, from, FROM_SYMLINKS, FROM_EMPTY_PATH)?;
    let to = find(to_directory, to, TO_SYMLINKS, TO_EMPTY_PATH)?;
    let namespace = namespace(current)?;
    if !from.is_mount_root() {
        return Err(Errno::EINVAL);
    }
    if from.mount.namespace().is_none() && from.mount.parent().is_none() {
        namespace.mount(&from.mount, &to)?;
    } else {
        namespace.move_mount(&from, &to)?;
    }
    Ok(0)
}

/// fsopen(2).
pub fn fsopen(current: &mut Current, name: UserAddr, open_flags: u32) -> SysResult {
    check_admin(current)?;
    if open_flags & !CLOEXEC != 0 {
        return Err(Errno::EINVAL);
    }
    let file = FsConfig::open(&text(current, name, STRING_MAX)?)?;
    descriptor::install(current, file, open_flags & CLOEXEC != 0)
}

/// fspick(2).
pub fn fspick(current: &mut Current, directory: Fd, path: UserAddr, pick_flags: u32) -> SysResult {
    const PICK_CLOEXEC: u32 = 1;
    const PICK_SYMLINK_NOFOLLOW: u32 = 2;
    const PICK_NO_AUTOMOUNT: u32 = 4;
    const PICK_EMPTY_PATH: u32 = 8;
    check_admin(current)?;
    if pick_flags & !(PICK_CLOEXEC | PICK_SYMLINK_NOFOLLOW | PICK_NO_AUTOMOUNT | PICK_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let path = current.read_path(path)?;
    let mut lookup = LookupFlags::empty();
    lookup.set(LookupFlags::FOLLOW, pick_flags & PICK_SYMLINK_NOFOLLOW == 0);
    lookup.set(LookupFlags::EMPTY_PATH, pick_flags & PICK_EMPTY_PATH != 0);
    let place = at::resolve(current, directory, &path, lookup)?;
    if !place.is_mount_root() {
        return Err(Errno::EINVAL);
    }
    let file = FsConfig::pick(place.mount.superblock());
    descriptor::install(current, file, pick_flags & PICK_CLOEXEC != 0)
}

/// fsconfig(2).
pub fn fsconfig(
    current: &mut Current,
    fd: Fd,
    command: u32,
    key: UserAddr,
    value: UserAddr,
    auxiliary: i32,
) -> SysResult {
    const SET_FLAG: u32 = 0;
    const SET_STRING: u32 = 1;
    const SET_FD: u32 = 5;
    const CREATE: u32 = 6;
    const RECONFIGURE: u32 = 7;
    const CREATE_EXCLUSIVE: u32 = 8;
    let file = descriptor::usable(current, fd)?;
    let config = file.ops().downcast_ref::<FsConfig>().ok_or(Errno::EINVAL)?;
    let string = |address: UserAddr| {
        if address.is_null() { Err(Errno::EINVAL) } else { text(current, address, STRING_MAX) }
    };
    match command {
        SET_FLAG if value.is_null() && auxiliary == 0 => config.set(&string(key)?, None)?,
        SET_STRING if auxiliary == 0 => config.set(&string(key)?, Some(&string(value)?))?,
        // No file system here takes binary values, paths or descriptors.
        2..=SET_FD => return Err(Errno::EOPNOTSUPP),
        CREATE | CREATE_EXCLUSIVE if key.is_null() && value.is_null() && auxiliary == 0 => {
            let task = &current.task;
            config.create(Mounter {
                kernel: task.kernel(),
                namespace: task.group().namespace(),
                ipc: &task.namespaces().ipc,
                cgroup: task.group().cgroup(),
            })?;
        }
        RECONFIGURE if key.is_null() && value.is_null() && auxiliary == 0 => config.reconfigure()?,
        SET_FLAG..=CREATE_EXCLUSIVE => return Err(Errno::EINVAL),
        _ => return Err(Errno::EOPNOTSUPP),
    }
    Ok(0)
}

/// fsmount(2).
pub fn fsmount(current: &mut Current, fd: Fd, mount_flags: u32, attributes: u32) -> SysResult {
    check_admin(current)?;
    if mount_flags & !CLOEXEC != 0 {
        return Err(Errno::EINVAL);
    }
    let attributes = flags_from_attributes(attributes.into())?;
    let file = descriptor::usable(current, fd)?;
    let config = file.ops().downcast_ref::<FsConfig>().ok_or(Errno::EINVAL)?;
    let mount = Mount::new(config.superblock()?, attributes);
    descriptor::install(current, open_path(Location::root_of(mount)), mount_flags & CLOEXEC != 0)
}

/// mount_setattr(2).
pub fn mount_setattr(
    current: &mut Current,
    directory: Fd,
    path: UserAddr,
    at: u32,
    attributes: UserPtr<MountAttr>,
    size: usize,
) -> SysResult {
    if at & !(at_flags::EMPTY_PATH | at_flags::RECURSIVE | at_flags::SYMLINK_NOFOLLOW | at_flags::NO_AUTOMOUNT) != 0 {
        return Err(Errno::EINVAL);
    }
    if size < size_of::<MountAttr>() {
        return Err(Errno::EINVAL);
    }
    if size > size_of::<MountAttr>() {
        return Err(Errno::E2BIG);
    }
    check_admin(current)?;
    let change = current.read(attributes)?;
    // Identity mappings of mounts are not supported, as on a file system that cannot have them.
    if change.userns != 0 || change.propagation.count_ones() > 1 {
        return Err(Errno::EINVAL);
    }
    let place = locate(current, directory, path, at & (at_flags::EMPTY_PATH | at_flags::SYMLINK_NOFOLLOW), !0)?;
    if !place.is_mount_root() || place.mount.is_internal() {
        return Err(Errno::EINVAL);
    }
    // Those of another namespace are seen by /proc/PID/root. One that is in none is yet to be attached.
    if place.mount.namespace().is_some() {
        namespace(current)?.check_member(&place.mount)?;
    }
    let mounts = if at & at_flags::RECURSIVE != 0 { place.mount.subtree() } else { vec![place.mount.clone()] };
    let changed: Vec<_> =
        mounts.iter().map(|mount| change_flags(mount.flags(), change.set, change.clear)).collect::<Result<_, _>>()?;
    if change.propagation != 0 {
        let recursive = if at & at_flags::RECURSIVE != 0 { ms::REC } else { 0 };
        set_propagation(&namespace(current)?, &place, change.propagation | recursive)?;
    }
    for (mount, flags) in mounts.iter().zip(changed) {
        mount.set_flags(flags);
    }
    Ok(0)
}
