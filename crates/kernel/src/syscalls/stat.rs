//! What a file is: stat(2), statx(2), statfs(2).

use lazaret_abi::{
    errno::Errno,
    fcntl::at as at_flags,
    id::Fd,
    mount::statfs as st_flags,
    stat::{Stat, StatFs, Statx, StatxTimestamp, attribute, statx as mask},
    time::Timespec,
};

use super::SysResult;
use crate::{
    fs::{
        at::locate,
        descriptor,
        dev::split_device,
        inode::{Attributes, Timestamp},
        vfs::{Location, MountFlags},
    },
    task::Current,
    uaddr::{UserAddr, UserPtr},
};

fn timespec(time: Timestamp) -> Timespec {
    Timespec { sec: time.seconds, nsec: i64::from(time.nanoseconds) }
}

fn stat_of(attributes: &Attributes) -> Stat {
    Stat {
        dev: attributes.device,
        ino: attributes.inode,
        nlink: attributes.links,
        mode: attributes.mode(),
        uid: attributes.uid,
        gid: attributes.gid,
        rdev: attributes.rdev,
        size: i64::try_from(attributes.size).unwrap_or(i64::MAX),
        blksize: i64::from(attributes.block_size),
        blocks: i64::try_from(attributes.blocks).unwrap_or(i64::MAX),
        atime: timespec(attributes.atime),
        mtime: timespec(attributes.mtime),
        ctime: timespec(attributes.ctime),
        ..Stat::default()
    }
}

/// newfstatat(2).
pub fn newfstatat(current: &mut Current, directory: Fd, path: UserAddr, out: UserPtr<Stat>, flags: u32) -> SysResult {
    let allowed = at_flags::SYMLINK_NOFOLLOW | at_flags::NO_AUTOMOUNT | at_flags::EMPTY_PATH;
    let location = locate(current, directory, path, flags, allowed)?;
    current.write(out, &stat_of(&location.inode().attributes()?))?;
    Ok(0)
}

/// stat(2).
pub fn stat(current: &mut Current, path: UserAddr, out: UserPtr<Stat>) -> SysResult {
    newfstatat(current, Fd::CWD, path, out, 0)
}

/// lstat(2).
pub fn lstat(current: &mut Current, path: UserAddr, out: UserPtr<Stat>) -> SysResult {
    newfstatat(current, Fd::CWD, path, out, at_flags::SYMLINK_NOFOLLOW)
}

/// fstat(2).
pub fn fstat(current: &mut Current, fd: Fd, out: UserPtr<Stat>) -> SysResult {
    let attributes = descriptor::any(current, fd)?.attributes()?;
    current.write(out, &stat_of(&attributes))?;
    Ok(0)
}

/// statx(2).
pub fn statx(
    current: &mut Current,
    directory: Fd,
    path: UserAddr,
    flags: u32,
    wanted: u32,
    out: UserPtr<Statx>,
) -> SysResult {
    const RESERVED: u32 = 0x8000_0000;
    let sync = at_flags::STATX_FORCE_SYNC | at_flags::STATX_DONT_SYNC;
    if wanted & RESERVED != 0 || flags & sync == sync {
        return Err(Errno::EINVAL);
    }
    let allowed = at_flags::SYMLINK_NOFOLLOW | at_flags::NO_AUTOMOUNT | at_flags::EMPTY_PATH | sync;
    let location = locate(current, directory, path, flags, allowed)?;
    let attributes = location.inode().attributes()?;
    current.write(out, &statx_of(&location, &attributes, wanted))?;
    Ok(0)
}

fn statx_of(location: &Location, attributes: &Attributes, wanted: u32) -> Statx {
    let time = |time: Timestamp| StatxTimestamp { sec: time.seconds, nsec: time.nanoseconds, reserved: 0 };
    let (rdev_major, rdev_minor) = split_device(attributes.rdev);
    let (dev_major, dev_minor) = split_device(attributes.device);
    let mut result = Statx {
        mask: lazaret_abi::stat::STATX_BASIC | mask::MNT_ID,
        blksize: attributes.block_size,
        attributes: if location.is_mount_root() { attribute::MOUNT_ROOT } else { 0 },
        nlink: u32::try_from(attributes.links).unwrap_or(u32::MAX),
        uid: attributes.uid,
        gid: attributes.gid,
        // Type and permissions have 16 bits.
        mode: u16::try_from(attributes.mode()).unwrap_or(0),
        ino: attributes.inode,
        size: attributes.size,
        blocks: attributes.blocks,
        attributes_mask: attribute::MOUNT_ROOT,
        atime: time(attributes.atime),
        ctime: time(attributes.ctime),
        mtime: time(attributes.mtime),
        rdev_major,
        rdev_minor,
        dev_major,
        dev_minor,
        mnt_id: location.mount.id(),
        ..Statx::default()
    };
    // As Linux does since it keeps fine-grained times: these only on demand.
    if wanted & (mask::CTIME | mask::MTIME) == 0 {
        result.mask &= !(mask::CTIME | mask::MTIME);
        (result.ctime, result.mtime) = Default::default();
    }
    if let Some(btime) = attributes.btime {
        result.mask |= mask::BTIME;
        result.btime = time(btime);
    }
    result
}

fn statfs_of(location: &Location) -> Result<StatFs, Errno> {
    let statistics = location.inode().statistics()?;
    let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let mount = location.mount.flags();
    let mut flags = st_flags::VALID;
    for (flag, shown) in [
        (MountFlags::NOSUID, st_flags::NOSUID),
        (MountFlags::NODEV, st_flags::NODEV),
        (MountFlags::NOEXEC, st_flags::NOEXEC),
        (MountFlags::NOATIME, st_flags::NOATIME),
        (MountFlags::NODIRATIME, st_flags::NODIRATIME),
        (MountFlags::RELATIME, st_flags::RELATIME),
        (MountFlags::NOSYMFOLLOW, st_flags::NOSYMFOLLOW),
    ] {
        if mount.contains(flag) {
            flags |= shown;
        }
    }
    if location.mount.is_read_only() {
        flags |= st_flags::RDONLY;
    }
    // Any number that tells file systems apart; the device's serves.
    let device = location.inode().attributes()?.device.to_ne_bytes();
    let [a, b, c, d, e, f, g, h] = device;
    Ok(StatFs {
        kind: signed(statistics.magic),
        bsize: signed(statistics.block_size),
        blocks: statistics.blocks,
        bfree: statistics.blocks_free,
        bavail: statistics.blocks_available,
        files: statistics.files,
        ffree: statistics.files_free,
        fsid: [i32::from_ne_bytes([a, b, c, d]), i32::from_ne_bytes([e, f, g, h])],
        namelen: signed(statistics.name_max),
        frsize: signed(statistics.block_size),
        flags: signed(flags),
        spare: [0; 4],
    })
}

/// statfs(2).
pub fn statfs(current: &mut Current, path: UserAddr, out: UserPtr<StatFs>) -> SysResult {
    let location = locate(current, Fd::CWD, path, 0, 0)?;
    current.write(out, &statfs_of(&location)?)?;
    Ok(0)
}

/// fstatfs(2).
pub fn fstatfs(current: &mut Current, fd: Fd, out: UserPtr<StatFs>) -> SysResult {
    let file = descriptor::any(current, fd)?;
    current.write(out, &statfs_of(file.location())?)?;
    Ok(0)
}
