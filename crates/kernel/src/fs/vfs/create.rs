//! Making names: mknod(2), mkdir(2), symlink(2), link(2).

use lazaret_abi::errno::Errno;

use super::{
    dentry::{Children, Dentry},
    location::Location,
    permission::{EXEC, S_ISGID, S_IXGRP, WRITE, check_access, is_owner},
    walk::{Last, LookupFlags, Parent, PathContext},
};
use crate::{
    fs::{
        hostfs::HostBinding,
        inode::{Attributes, FileKind, Inode, NewAttributes, NewNode},
        notify::{self, Change},
    },
    sync::Arc,
    task::{
        creds::{Creds, cap},
        devices::{self, DeviceAccess},
    },
};

/// Owner and mode of what `creds` make in a directory with these attributes: a set-group-id directory
/// passes its group on, and itself to directories; see inode(7).
pub fn new_attributes(directory: &Attributes, creds: &Creds, permissions: u32, is_directory: bool) -> NewAttributes {
    let mut new = NewAttributes { permissions, uid: creds.fsuid, gid: creds.fsgid };
    if directory.permissions & S_ISGID != 0 {
        new.gid = directory.gid;
        if is_directory {
            new.permissions |= S_ISGID;
        } else if permissions & (S_ISGID | S_IXGRP) == S_ISGID | S_IXGRP
            && !creds.in_group(new.gid)
            && !creds.has(cap::FSETID)
        {
            new.permissions &= !S_ISGID;
        }
    }
    new
}

/// Checks that `creds` may make an entry in `directory`.
///
/// # Errors
/// `ENOENT` for a removed directory, `EACCES`.
pub fn check_create(directory: &Dentry, creds: &Creds) -> Result<(), Errno> {
    if directory.is_unlinked() {
        return Err(Errno::ENOENT);
    }
    check_access(directory.inode(), creds, WRITE | EXEC)
}

impl PathContext {
    /// mknod(2), also for regular files; `permissions` before the umask.
    ///
    /// # Errors
    /// Those of mknod(2).
    pub fn make_node(&self, path: &[u8], kind: FileKind, rdev: u64, permissions: u32) -> Result<Location, Errno> {
        // Everyone may make a whiteout, the device 0:0.
        let device = kind == FileKind::BlockDevice || kind == FileKind::CharDevice && rdev != 0;
        if kind == FileKind::Directory || kind == FileKind::Symlink {
            return Err(Errno::EPERM);
        }
        let parent = self.lookup_parent(path, LookupFlags::empty())?;
        self.create(&parent, NewNode::Node { kind, rdev }, permissions & 0o7777, |creds| match device {
            true if !creds.has(cap::MKNOD) => Err(Errno::EPERM),
            true => devices::check(kind, rdev, DeviceAccess::MAKE),
            false => Ok(()),
        })
    }

    /// mkdir(2); `permissions` before the umask.
    ///
    /// # Errors
    /// Those of mkdir(2).
    pub fn make_directory(&self, path: &[u8], permissions: u32) -> Result<Location, Errno> {
        let parent = self.lookup_parent(path, LookupFlags::empty())?;
        self.create(&parent, NewNode::Directory, permissions & 0o1777, |_| Ok(()))
    }

    /// symlink(2).
    ///
    /// # Errors
    /// Those of symlink(2).
    pub fn make_symlink(&self, target: &[u8], path: &[u8]) -> Result<Location, Errno> {
        if target.is_empty() {
            return Err(Errno::ENOENT);
        }
        let parent = self.lookup_parent(path, LookupFlags::empty())?;
        // A link has all permissions, whatever the umask.
        let context = PathContext { umask: 0, ..self.clone() };
        context.create(&parent, NewNode::Symlink(target), 0o777, |_| Ok(()))
    }

    /// Makes the file of a socket of this kind (SOCK_STREAM ...), and where the host's programs are to reach it the
    /// host's socket that is bound to it.
    ///
    /// # Errors
    /// Those of bind(2) and mknod(2).
    pub fn make_socket(&self, path: &[u8], kind: u32) -> Result<(Location, Option<HostBinding>), Errno> {
        let parent = self.lookup_parent(path, LookupFlags::empty())?;
        let mut binding = None;
        let make = |directory: &Arc<dyn Inode>, name: &[u8], attributes: &NewAttributes| {
            if let Some((inode, bound)) = directory.bind_host(name, kind, attributes)? {
                binding = Some(bound);
                return Ok(inode);
            }
            directory.create(name, NewNode::Node { kind: FileKind::Socket, rdev: 0 }, attributes)
        };
        let location = self.create_by(&parent, false, 0o777, |_| Ok(()), make)?;
        Ok((location, binding))
    }

    fn create(
        &self,
        parent: &Parent,
        node: NewNode<'_>,
        permissions: u32,
        check: impl FnOnce(&Creds) -> Result<(), Errno>,
    ) -> Result<Location, Errno> {
        let is_directory = matches!(node, NewNode::Directory);
        self.create_by(parent, is_directory, permissions, check, |directory, name, attributes| {
            directory.create(name, node, attributes)
        })
    }

    fn create_by(
        &self,
        parent: &Parent,
        is_directory: bool,
        permissions: u32,
        check: impl FnOnce(&Creds) -> Result<(), Errno>,
        make: impl FnOnce(&Arc<dyn Inode>, &[u8], &NewAttributes) -> Result<Arc<dyn Inode>, Errno>,
    ) -> Result<Location, Errno> {
        let location = with_new_name(parent, is_directory, |directory, children, name| {
            check_create(&directory.dentry, &self.creds)?;
            check(&self.creds)?;
            let attributes =
                new_attributes(&directory.inode().attributes()?, &self.creds, permissions & !self.umask, is_directory);
            let inode = make(directory.inode(), name, &attributes)?;
            Ok(directory.dentry.insert(children, name, inode, &directory.mount.superblock().cache))
        })?;
        notify::changed_entry(&location, Change::Created);
        Ok(location)
    }

    /// link(2): makes `path` another name of `target`.
    ///
    /// # Errors
    /// Those of link(2).
    pub fn make_link(&self, target: &Location, path: &[u8]) -> Result<(), Errno> {
        let parent = self.lookup_parent(path, LookupFlags::empty())?;
        let location = with_new_name(&parent, false, |directory, children, name| {
            // Linux compares mounts: a bind mount of the same file system is another one.
            if !Arc::ptr_eq(&directory.mount, &target.mount) {
                return Err(Errno::EXDEV);
            }
            let inode = target.inode();
            if inode.kind() == FileKind::Directory {
                return Err(Errno::EPERM);
            }
            check_create(&directory.dentry, &self.creds)?;
            check_hard_link(inode, &self.creds)?;
            if target.dentry.is_nameless() {
                return Err(Errno::ENOENT);
            }
            directory.inode().link(name, inode)?;
            Ok(directory.dentry.insert(children, name, inode.clone(), &directory.mount.superblock().cache))
        })?;
        notify::links_changed(target.inode());
        notify::changed_entry(&location, Change::Created);
        Ok(())
    }
}

/// The rule of `fs.protected_hardlinks`, which distributions switch on: one may link only what one
/// owns, or could read and write and what has no special bits.
fn check_hard_link(inode: &Arc<dyn Inode>, creds: &Creds) -> Result<(), Errno> {
    let attributes = inode.attributes()?;
    let special = attributes.permissions & super::permission::S_ISUID != 0
        || attributes.permissions & (S_ISGID | S_IXGRP) == S_ISGID | S_IXGRP;
    let safe = inode.kind() == FileKind::Regular
        && !special
        && check_access(inode, creds, super::permission::READ | WRITE).is_ok();
    if safe || is_owner(&attributes, creds) { Ok(()) } else { Err(Errno::EPERM) }
}

/// Runs `make` for a name that does not exist, with its directory locked.
fn with_new_name(
    parent: &Parent,
    is_directory: bool,
    make: impl FnOnce(&Location, &mut Children, &[u8]) -> Result<Arc<Dentry>, Errno>,
) -> Result<Location, Errno> {
    let directory = &parent.directory;
    let Last::Name(name) = &parent.last else { return Err(Errno::EEXIST) };
    let mut children = directory.dentry.lock();
    if directory.dentry.child_locked(&mut children, name, &directory.mount.superblock().cache)?.is_some() {
        return Err(Errno::EEXIST);
    }
    if parent.trailing_slash && !is_directory {
        return Err(Errno::ENOENT);
    }
    directory.check_writable()?;
    let dentry = make(directory, &mut children, name)?;
    drop(children);
    Ok(Location { mount: directory.mount.clone(), dentry })
}
