//! rename(2).

use lazaret_abi::errno::Errno;

use super::{
    create::check_create,
    dentry::{Children, Dentry, is_same},
    location::Location,
    permission::{WRITE, check_access, check_delete},
    walk::{Last, LookupFlags, Parent, PathContext},
};
use crate::{
    fs::{inode::FileKind, notify},
    sync::{Arc, MutexGuard},
    task::creds::{Creds, cap},
};

/// RENAME_NOREPLACE: fail if the new name exists.
pub const NOREPLACE: u32 = 1;
/// RENAME_EXCHANGE: swap the two.
pub const EXCHANGE: u32 = 2;
/// RENAME_WHITEOUT: leave a whiteout.
pub const WHITEOUT: u32 = 4;

/// renameat2(2): renames `old_path` as `old` sees it to `new_path` as `new` sees it.
///
/// # Errors
/// Those of rename(2).
pub fn rename(old: &PathContext, old_path: &[u8], new: &PathContext, new_path: &[u8], flags: u32) -> Result<(), Errno> {
    if flags & !(NOREPLACE | EXCHANGE | WHITEOUT) != 0
        || flags & (NOREPLACE | WHITEOUT) != 0 && flags & EXCHANGE != 0
        || flags & NOREPLACE != 0 && flags & WHITEOUT != 0
    {
        return Err(Errno::EINVAL);
    }
    let creds = &old.creds;
    if flags & WHITEOUT != 0 && !creds.has(cap::MKNOD) {
        return Err(Errno::EPERM);
    }
    let from = old.lookup_parent(old_path, LookupFlags::empty())?;
    let to = new.lookup_parent(new_path, LookupFlags::empty())?;
    if !Arc::ptr_eq(&from.directory.mount, &to.directory.mount) {
        return Err(Errno::EXDEV);
    }
    let Last::Name(name) = &from.last else { return Err(Errno::EBUSY) };
    let Last::Name(new_name) = &to.last else {
        return Err(if flags & NOREPLACE != 0 { Errno::EEXIST } else { Errno::EBUSY });
    };
    from.directory.check_writable()?;
    let superblock = from.directory.mount.superblock();
    let _renames = superblock.rename.lock();
    let (directory, new_directory) = (&from.directory.dentry, &to.directory.dentry);
    let mut pair = Pair::lock(directory, new_directory);
    let child = directory.child_locked(pair.source(), name, &superblock.cache)?.ok_or(Errno::ENOENT)?;
    let target = new_directory.child_locked(pair.target(), new_name, &superblock.cache)?;
    check(&from, &child, &to, target.as_ref(), flags, creds)?;
    if target.as_ref().is_some_and(|target| is_same(child.inode(), target.inode())) {
        return Ok(());
    }
    directory.inode().rename(name, new_directory.inode(), new_name, flags)?;
    pair.source().take(name);
    pair.target().take(new_name);
    match &target {
        Some(target) if flags & EXCHANGE != 0 => Dentry::moved(pair.source(), target, directory, name),
        Some(target) => target.mark_unlinked(),
        None => {}
    }
    Dentry::moved(pair.target(), &child, new_directory, new_name);
    drop(pair);
    let place = |dentry: &Arc<Dentry>| Location { mount: from.directory.mount.clone(), dentry: dentry.clone() };
    notify::renamed(&place(&child), directory, name, new_directory, new_name);
    if let Some(target) = target {
        if flags & EXCHANGE != 0 {
            notify::renamed(&place(&target), new_directory, new_name, directory, name);
        } else {
            notify::links_changed(target.inode());
        }
    }
    Ok(())
}

/// Checks that the rename is allowed, in the order of Linux.
fn check(
    from: &Parent,
    child: &Arc<Dentry>,
    to: &Parent,
    target: Option<&Arc<Dentry>>,
    flags: u32,
    creds: &Creds,
) -> Result<(), Errno> {
    let (directory, new_directory) = (&from.directory.dentry, &to.directory.dentry);
    let is_directory = |dentry: &Arc<Dentry>| dentry.inode().kind() == FileKind::Directory;
    let exchange = flags & EXCHANGE != 0;
    match target {
        Some(_) if flags & NOREPLACE != 0 => return Err(Errno::EEXIST),
        None if exchange => return Err(Errno::ENOENT),
        Some(target) if exchange && !is_directory(target) && to.trailing_slash => return Err(Errno::ENOTDIR),
        _ => {}
    }
    if !is_directory(child) && (from.trailing_slash || !exchange && to.trailing_slash) {
        return Err(Errno::ENOTDIR);
    }
    if child.is_ancestor_of(new_directory) {
        return Err(Errno::EINVAL);
    }
    if let Some(target) = target
        && target.is_ancestor_of(directory)
    {
        return Err(if exchange { Errno::EINVAL } else { Errno::ENOTEMPTY });
    }
    check_delete(directory.inode(), child.inode(), creds)?;
    match target {
        Some(target) => {
            check_delete(new_directory.inode(), target.inode(), creds)?;
            match (is_directory(child), is_directory(target)) {
                (true, false) if !exchange => return Err(Errno::ENOTDIR),
                (false, true) if !exchange => return Err(Errno::EISDIR),
                _ => {}
            }
        }
        None => check_create(new_directory, creds)?,
    }
    // A directory that changes its parent is written to: its `..` changes.
    if !Arc::ptr_eq(directory, new_directory) {
        if is_directory(child) {
            check_access(child.inode(), creds, WRITE)?;
        }
        if let Some(target) = target
            && exchange
            && is_directory(target)
        {
            check_access(target.inode(), creds, WRITE)?;
        }
    }
    if child.is_mount_point() || target.is_some_and(|target| target.is_mount_point()) {
        return Err(Errno::EBUSY);
    }
    Ok(())
}

/// The names of two directories locked at once, or of one that is both.
struct Pair<'a> {
    old: MutexGuard<'a, Children>,
    new: Option<MutexGuard<'a, Children>>,
}

impl<'a> Pair<'a> {
    /// Locks an ancestor first, as a walk that holds two would; the rename lock is held.
    fn lock(old: &'a Arc<Dentry>, new: &'a Arc<Dentry>) -> Pair<'a> {
        if Arc::ptr_eq(old, new) {
            return Pair { old: old.lock(), new: None };
        }
        let old_first = if old.is_ancestor_of(new) {
            true
        } else if new.is_ancestor_of(old) {
            false
        } else {
            Arc::as_ptr(old) < Arc::as_ptr(new)
        };
        if old_first {
            let old = old.lock();
            Pair { old, new: Some(new.lock()) }
        } else {
            let new = new.lock();
            Pair { old: old.lock(), new: Some(new) }
        }
    }

    fn source(&mut self) -> &mut Children {
        &mut self.old
    }

    fn target(&mut self) -> &mut Children {
        self.new.as_mut().unwrap_or(&mut self.old)
    }
}
