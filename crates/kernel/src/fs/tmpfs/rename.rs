//! rename(2) within a tmpfs.

use lazaret_abi::errno::Errno;

use super::{
    directory::Directory,
    inode::{Data, TmpInode},
};
use crate::{
    fs::inode::{FileKind, Inode, NewAttributes, NewNode},
    sync::{Arc, RwLock, RwLockWriteGuard},
};

/// RENAME_EXCHANGE
const EXCHANGE: u32 = 2;
/// RENAME_WHITEOUT
const WHITEOUT: u32 = 4;

/// Two directories locked at once, or one that is both.
struct Pair<'a> {
    old: RwLockWriteGuard<'a, Directory>,
    /// None when it is the same directory.
    new: Option<RwLockWriteGuard<'a, Directory>>,
}

impl<'a> Pair<'a> {
    /// Locks in the order of addresses, so that two renames cannot wait for each other.
    fn lock(old: &'a RwLock<Directory>, new: &'a RwLock<Directory>) -> Pair<'a> {
        if std::ptr::eq(old, new) {
            Pair { old: old.write(), new: None }
        } else if std::ptr::from_ref(old) < std::ptr::from_ref(new) {
            let old = old.write();
            Pair { old, new: Some(new.write()) }
        } else {
            let new = new.write();
            Pair { old: old.write(), new: Some(new) }
        }
    }

    fn target(&mut self) -> &mut Directory {
        self.new.as_mut().unwrap_or(&mut self.old)
    }
}

fn is_directory(inode: &TmpInode) -> bool {
    matches!(inode.data, Data::Directory(_))
}

/// Renames `name` in `old` to `new_name` in `new`.
///
/// # Errors
/// `ENOENT`, `ENOTEMPTY`, `EISDIR`, `ENOTDIR`, `ENOSPC` for a whiteout.
pub fn rename(old: &TmpInode, name: &[u8], new: &Arc<TmpInode>, new_name: &[u8], flags: u32) -> Result<(), Errno> {
    let mut pair = Pair::lock(old.directory()?, new.directory()?);
    if pair.target().removed {
        return Err(Errno::ENOENT);
    }
    let moved = pair.old.get(name).ok_or(Errno::ENOENT)?.clone();
    let target = pair.target().get(new_name).cloned();
    let crosses = pair.new.is_some();
    if flags & EXCHANGE != 0 {
        let target = target.ok_or(Errno::ENOENT)?;
        pair.old.set(name, target.clone());
        pair.target().set(new_name, moved.clone());
        if crosses {
            let (from, to) = (i64::from(is_directory(&moved)), i64::from(is_directory(&target)));
            old.change_links(to - from);
            new.change_links(from - to);
        }
        target.change_links(0);
    } else {
        if let Some(target) = &target {
            match (is_directory(&moved), is_directory(target)) {
                (true, false) => return Err(Errno::ENOTDIR),
                (false, true) => return Err(Errno::EISDIR),
                (true, true) => {
                    target.remove_directory()?;
                    new.change_links(-1);
                }
                (false, false) => target.change_links(-1),
            }
        }
        pair.old.remove(name);
        pair.target().set(new_name, moved.clone());
        if crosses && is_directory(&moved) {
            old.change_links(-1);
            new.change_links(1);
        }
    }
    moved.change_links(0);
    drop(pair);
    old.touch_modified();
    new.touch_modified();
    if flags & WHITEOUT != 0 {
        let attributes = moved.attributes()?;
        let owner = NewAttributes { permissions: 0, uid: attributes.uid, gid: attributes.gid };
        old.create(name, NewNode::Node { kind: FileKind::CharDevice, rdev: 0 }, &owner)?;
    }
    Ok(())
}
