//! Copies of mount trees, and attributes of mounts as mount_setattr(2) has them.

use lazaret_abi::errno::Errno;

use super::{
    location::Location,
    mount::{Mount, MountFlags, Propagation},
    namespace::MountCopies,
};
use crate::sync::Arc;

/// Flags of mount_setattr(2) and fsmount(2).
pub mod attr {
    #![allow(missing_docs, reason = "the names are mount_setattr(2)'s")]
    pub const RDONLY: u64 = 1;
    pub const NOSUID: u64 = 2;
    pub const NODEV: u64 = 4;
    pub const NOEXEC: u64 = 8;
    /// The bits that hold how access times are kept.
    pub const ATIME: u64 = 0x70;
    pub const RELATIME: u64 = 0;
    pub const NOATIME: u64 = 0x10;
    pub const STRICTATIME: u64 = 0x20;
    pub const NODIRATIME: u64 = 0x80;
    pub const NOSYMFOLLOW: u64 = 0x20_0000;
    /// All that are supported.
    pub const KNOWN: u64 = RDONLY | NOSUID | NODEV | NOEXEC | ATIME | NODIRATIME | NOSYMFOLLOW;
}

/// The flags of a mount for attributes of mount_setattr(2).
///
/// # Errors
/// `EINVAL` for unknown attributes.
pub fn flags_from_attributes(attributes: u64) -> Result<MountFlags, Errno> {
    if attributes & !attr::KNOWN != 0 {
        return Err(Errno::EINVAL);
    }
    let mut flags = match attributes & attr::ATIME {
        attr::RELATIME => MountFlags::RELATIME,
        attr::NOATIME => MountFlags::NOATIME,
        attr::STRICTATIME => MountFlags::empty(),
        _ => return Err(Errno::EINVAL),
    };
    for (attribute, flag) in [
        (attr::RDONLY, MountFlags::READ_ONLY),
        (attr::NOSUID, MountFlags::NOSUID),
        (attr::NODEV, MountFlags::NODEV),
        (attr::NOEXEC, MountFlags::NOEXEC),
        (attr::NODIRATIME, MountFlags::NODIRATIME),
        (attr::NOSYMFOLLOW, MountFlags::NOSYMFOLLOW),
    ] {
        flags.set(flag, attributes & attribute != 0);
    }
    Ok(flags)
}

/// Flags of a mount after attributes are set and cleared.
///
/// # Errors
/// `EINVAL` for unknown attributes, and for a change of the access time rule without clearing it.
pub fn change_flags(old: MountFlags, set: u64, clear: u64) -> Result<MountFlags, Errno> {
    let time = MountFlags::RELATIME | MountFlags::NOATIME;
    let new_time = match clear & attr::ATIME {
        0 if set & attr::ATIME == 0 => old & time,
        attr::ATIME => flags_from_attributes(set & attr::ATIME)?,
        _ => return Err(Errno::EINVAL),
    };
    let cleared = flags_from_attributes(clear & !attr::ATIME)? - time;
    let added = flags_from_attributes(set & !attr::ATIME)? - time;
    Ok(((old - time) - cleared) | added | new_time)
}

/// A copy of the tree of mounts at `source` that is attached nowhere: of the one mount, or with those
/// below if `recursive`.
///
/// # Errors
/// `EINVAL` when the mount cannot be bound.
pub fn copy_for_bind(source: &Location, recursive: bool) -> Result<Arc<Mount>, Errno> {
    if source.mount.propagation() == Propagation::Unbindable {
        return Err(Errno::EINVAL);
    }
    let mount = Mount::bind(source.mount.superblock().clone(), source.dentry.clone(), source.mount.flags());
    if recursive {
        for child in source.mount.children() {
            let Some((_, point)) = child.parent() else { continue };
            if source.dentry.is_ancestor_of(&point) && child.propagation() != Propagation::Unbindable {
                let (copy, _) = copy_tree(&child, |mount| mount.propagation() != Propagation::Unbindable);
                copy.attach(&mount, &point)?;
            }
        }
    }
    Ok(mount)
}

/// Copies a mount and those below it for which `wanted` holds.
pub(super) fn copy_tree(top: &Arc<Mount>, wanted: impl Fn(&Mount) -> bool) -> (Arc<Mount>, MountCopies) {
    let copy = |mount: &Arc<Mount>| {
        let copy = Mount::bind(mount.superblock().clone(), mount.root().clone(), mount.flags());
        copy.set_propagation(mount.propagation());
        copy
    };
    let root = copy(top);
    let mut copies = vec![(top.clone(), root.clone())];
    for mount in top.subtree().iter().skip(1).filter(|mount| wanted(mount)) {
        let Some((parent, point)) = mount.parent() else { continue };
        let Some(parent) = copies.iter().find(|(old, _)| Arc::ptr_eq(old, &parent)).map(|(_, new)| new.clone()) else {
            continue;
        };
        let child = copy(mount);
        if child.attach(&parent, &point).is_ok() {
            copies.push((mount.clone(), child));
        }
    }
    (root, MountCopies::new(copies))
}
