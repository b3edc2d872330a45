//! Changing attributes: chmod(2), chown(2), utimensat(2), truncate(2), and extended ones.

use lazaret_abi::errno::Errno;

use super::{
    location::Location,
    permission::{READ, S_ISGID, WRITE, check_access, is_owner, without_set_id, without_set_id_after_write},
};
use crate::{
    fs::{
        busy,
        inode::{FileKind, SetAttributes, Timestamp},
        notify::{self, Change},
        xattr,
    },
    task::creds::{Creds, cap},
};

/// chmod(2).
///
/// # Errors
/// `EPERM` unless owner, `EROFS`, `EOPNOTSUPP` for symbolic links.
pub fn chmod(location: &Location, permissions: u32, creds: &Creds) -> Result<(), Errno> {
    location.check_writable()?;
    if location.inode().kind() == FileKind::Symlink {
        return Err(Errno::EOPNOTSUPP);
    }
    let attributes = location.inode().attributes()?;
    if !is_owner(&attributes, creds) {
        return Err(Errno::EPERM);
    }
    let mut permissions = permissions & 0o7777;
    if permissions & S_ISGID != 0 && !creds.in_group(attributes.gid) && !creds.has(cap::FSETID) {
        permissions &= !S_ISGID;
    }
    let change =
        SetAttributes { permissions: Some(permissions), ctime: Some(Timestamp::now()), ..SetAttributes::default() };
    location.inode().set_attributes(&change)?;
    notify::changed(location, Change::Attributes);
    Ok(())
}

/// chown(2); `None` leaves an id as it is.
///
/// # Errors
/// `EPERM`, `EROFS`.
pub fn chown(location: &Location, uid: Option<u32>, gid: Option<u32>, creds: &Creds) -> Result<(), Errno> {
    location.check_writable()?;
    let attributes = location.inode().attributes()?;
    if !creds.has(cap::CHOWN) {
        let owner = attributes.uid == creds.fsuid;
        let uid_allowed = uid.is_none_or(|uid| owner && uid == attributes.uid);
        let gid_allowed = gid.is_none_or(|gid| owner && (gid == attributes.gid || creds.in_group(gid)));
        if !uid_allowed || !gid_allowed {
            return Err(Errno::EPERM);
        }
    }
    let mut change = SetAttributes { uid, gid, ctime: Some(Timestamp::now()), ..SetAttributes::default() };
    // Also for root, as Linux does: the bits were granted by the old owner.
    if attributes.kind != FileKind::Directory {
        change.permissions = without_set_id(attributes.permissions);
    }
    location.inode().set_attributes(&change)?;
    notify::changed(location, Change::Attributes);
    Ok(())
}

/// One of the two times of utimensat(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewTime {
    /// UTIME_OMIT
    Keep,
    /// UTIME_NOW
    Now,
    /// This time.
    At(Timestamp),
}

/// utimensat(2).
///
/// # Errors
/// `EACCES` or `EPERM` as utimensat(2) tells, `EROFS`.
pub fn set_times(location: &Location, atime: NewTime, mtime: NewTime, creds: &Creds) -> Result<(), Errno> {
    if (atime, mtime) == (NewTime::Keep, NewTime::Keep) {
        return Ok(());
    }
    location.check_writable()?;
    let attributes = location.inode().attributes()?;
    if !is_owner(&attributes, creds) {
        if (atime, mtime) != (NewTime::Now, NewTime::Now) {
            return Err(Errno::EPERM);
        }
        check_access(location.inode(), creds, WRITE)?;
    }
    let now = Timestamp::now();
    let value = |time| match time {
        NewTime::Keep => None,
        NewTime::Now => Some(now),
        NewTime::At(time) => Some(time),
    };
    let change =
        SetAttributes { atime: value(atime), mtime: value(mtime), ctime: Some(now), ..SetAttributes::default() };
    location.inode().set_attributes(&change)?;
    notify::changed(location, Change::Attributes);
    Ok(())
}

/// truncate(2) of a place.
///
/// # Errors
/// `EISDIR`, `EINVAL`, `EROFS`, `EACCES`.
pub fn truncate(location: &Location, size: u64, creds: &Creds) -> Result<(), Errno> {
    match location.inode().kind() {
        FileKind::Regular => {}
        FileKind::Directory => return Err(Errno::EISDIR),
        _ => return Err(Errno::EINVAL),
    }
    location.check_writable()?;
    check_access(location.inode(), creds, WRITE)?;
    set_size(location, size)
}

/// Sets the size of a regular file; permission has been checked.
///
/// # Errors
/// `ETXTBSY`, those of the file system.
pub fn set_size(location: &Location, size: u64) -> Result<(), Errno> {
    busy::begin_write(&**location.inode())?;
    let result = resize(location, size);
    busy::end_write(&**location.inode());
    result
}

fn resize(location: &Location, size: u64) -> Result<(), Errno> {
    let now = Timestamp::now();
    let change = SetAttributes {
        size: Some(size),
        mtime: Some(now),
        ctime: Some(now),
        permissions: without_set_id_after_write(location.inode().attributes()?.permissions),
        ..SetAttributes::default()
    };
    location.inode().set_attributes(&change)?;
    notify::changed(location, Change::Modified);
    Ok(())
}

/// Checks that `creds` may read or write the extended attribute `name`; see xattr(7).
fn check_xattr(location: &Location, name: &[u8], write: bool, creds: &Creds) -> Result<(), Errno> {
    let inode = location.inode();
    if write {
        location.check_writable()?;
    }
    if let Some(rest) = name.strip_prefix(b"user.") {
        if rest.is_empty() {
            return Err(Errno::EINVAL);
        }
        if !matches!(inode.kind(), FileKind::Regular | FileKind::Directory) {
            return Err(if write { Errno::EPERM } else { Errno::ENODATA });
        }
        if write && inode.kind() == FileKind::Directory {
            let attributes = inode.attributes()?;
            if attributes.permissions & super::permission::S_ISVTX != 0 && !is_owner(&attributes, creds) {
                return Err(Errno::EPERM);
            }
        }
        return check_access(inode, creds, if write { WRITE } else { READ });
    }
    if name.starts_with(b"trusted.") {
        return match creds.has(cap::SYS_ADMIN) {
            true => Ok(()),
            false => Err(if write { Errno::EPERM } else { Errno::ENODATA }),
        };
    }
    if name.starts_with(b"security.") {
        if !write {
            return Ok(());
        }
        let needed = if name == xattr::CAPABILITIES { cap::SETFCAP } else { cap::SYS_ADMIN };
        return if creds.has(needed) { Ok(()) } else { Err(Errno::EPERM) };
    }
    // POSIX ACLs are not kept, as on a file system mounted with noacl.
    Err(Errno::EOPNOTSUPP)
}

/// getxattr(2).
///
/// # Errors
/// `ENODATA`, `EOPNOTSUPP`, `EACCES`.
pub fn get_xattr(location: &Location, name: &[u8], creds: &Creds) -> Result<Vec<u8>, Errno> {
    check_xattr(location, name, false, creds)?;
    location.inode().get_xattr(name)
}

/// setxattr(2); `flags` are XATTR_CREATE and XATTR_REPLACE.
///
/// # Errors
/// Those of setxattr(2).
pub fn set_xattr(location: &Location, name: &[u8], value: &[u8], flags: u32, creds: &Creds) -> Result<(), Errno> {
    if value.len() > xattr::VALUE_MAX {
        return Err(Errno::E2BIG);
    }
    check_xattr(location, name, true, creds)?;
    location.inode().set_xattr(name, value, flags)?;
    notify::changed(location, Change::Attributes);
    Ok(())
}

/// removexattr(2).
///
/// # Errors
/// Those of removexattr(2).
pub fn remove_xattr(location: &Location, name: &[u8], creds: &Creds) -> Result<(), Errno> {
    check_xattr(location, name, true, creds)?;
    location.inode().remove_xattr(name)?;
    notify::changed(location, Change::Attributes);
    Ok(())
}

/// listxattr(2): the names one may see.
///
/// # Errors
/// Those of the file system.
pub fn list_xattrs(location: &Location, creds: &Creds) -> Result<Vec<Vec<u8>>, Errno> {
    let mut names = location.inode().list_xattrs()?;
    names.retain(|name| !name.starts_with(b"trusted.") || creds.has(cap::SYS_ADMIN));
    Ok(names)
}
