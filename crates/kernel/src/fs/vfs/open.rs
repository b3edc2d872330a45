//! open(2).

use lazaret_abi::errno::Errno;
use lazaret_snapshot::Snapshot;

use super::{
    create::{check_create, new_attributes},
    location::Location,
    mount::MountFlags,
    permission::{EXEC, READ, WRITE, check_access, is_owner},
    walk::{Last, LookupFlags, PathContext, Walk},
};
use crate::{
    fs::{
        file::{File, FileOps, flags},
        inode::{FileKind, NewNode},
        notify::{self, Change},
        special,
    },
    sync::Arc,
    task::{creds::Creds, devices},
};

/// What an open asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenHow {
    /// Flags of open(2), validated.
    pub flags: u32,
    /// Mode of a new file (`07777`), before the umask.
    pub mode: u32,
    /// RESOLVE_* of openat2(2); FOLLOW and DIRECTORY come from the flags.
    pub resolve: LookupFlags,
}

impl PathContext {
    /// open(2): finds or makes the file and opens it.
    ///
    /// # Errors
    /// Those of open(2).
    pub fn open(&self, path: &[u8], how: &OpenHow) -> Result<Arc<File>, Errno> {
        let mut lookup = how.resolve;
        lookup.set(LookupFlags::FOLLOW, how.flags & flags::NOFOLLOW == 0);
        lookup.set(LookupFlags::DIRECTORY, how.flags & flags::DIRECTORY != 0);
        if how.flags & flags::PATH != 0 {
            let location = self.lookup(path, lookup)?;
            return Ok(File::new(Box::new(PathOnly), location, how.flags));
        }
        if how.flags & flags::TMPFILE == flags::TMPFILE {
            return self.open_unnamed(path, how, lookup);
        }
        if how.flags & flags::CREAT != 0 {
            return self.open_or_create(path, how, lookup);
        }
        open_location(self.lookup(path, lookup)?, how.flags, &self.creds)
    }

    fn open_or_create(&self, path: &[u8], how: &OpenHow, lookup: LookupFlags) -> Result<Arc<File>, Errno> {
        let exclusive = how.flags & flags::EXCL != 0;
        // Links are followed here, not by the walk, except to directories named with a slash.
        let lookup = if exclusive { lookup - LookupFlags::FOLLOW } else { lookup };
        let mut walk = Walk::new(self, path, lookup - LookupFlags::EMPTY_PATH)?;
        loop {
            let last = walk.to_last()?;
            let Last::Name(name) = &last else {
                if exclusive {
                    return Err(Errno::EEXIST);
                }
                let Some(location) = walk.finish(&last)? else { continue };
                return open_location(location, how.flags, &self.creds);
            };
            if walk.trailing_slash {
                return Err(Errno::EISDIR);
            }
            let directory = walk.at.clone();
            let mut children = directory.dentry.lock();
            let cache = &directory.mount.superblock().cache;
            let existing = directory.dentry.child_locked(&mut children, name, cache)?;
            let Some(existing) = existing else {
                directory.check_writable()?;
                check_create(&directory.dentry, &self.creds)?;
                let node = NewNode::Node { kind: FileKind::Regular, rdev: 0 };
                let parent = directory.inode().attributes()?;
                let attributes = new_attributes(&parent, &self.creds, how.mode & 0o7777 & !self.umask, false);
                let inode = directory.inode().create(name, node, &attributes)?;
                let dentry = directory.dentry.insert(&mut children, name, inode, cache);
                drop(children);
                let location = Location { mount: directory.mount.clone(), dentry };
                notify::changed_entry(&location, Change::Created);
                // Who made a file may open it, whatever mode it gave.
                return open_checked(location, how.flags & !flags::TRUNC);
            };
            drop(children);
            if exclusive {
                return Err(Errno::EEXIST);
            }
            if !walk.enter_last(existing)? {
                continue;
            }
            if lookup.contains(LookupFlags::DIRECTORY) && walk.at.inode().kind() != FileKind::Directory {
                return Err(Errno::ENOTDIR);
            }
            return open_location(walk.at, how.flags, &self.creds);
        }
    }

    /// O_TMPFILE.
    fn open_unnamed(&self, path: &[u8], how: &OpenHow, lookup: LookupFlags) -> Result<Arc<File>, Errno> {
        let directory = self.lookup(path, lookup | LookupFlags::DIRECTORY)?;
        directory.check_writable()?;
        check_create(&directory.dentry, &self.creds)?;
        let parent = directory.inode().attributes()?;
        let attributes = new_attributes(&parent, &self.creds, how.mode & 0o7777 & !self.umask, false);
        let inode = directory.inode().create_unnamed(&attributes)?;
        let name = format!("#{}", inode.attributes()?.inode);
        let dentry = super::Dentry::unnamed(inode, &directory.dentry, name.as_bytes(), how.flags & flags::EXCL != 0);
        open_checked(Location { mount: directory.mount, dentry }, how.flags & !flags::TRUNC)
    }
}

/// Opens what is at `location`, with all checks of permission.
///
/// # Errors
/// Those of open(2).
pub fn open_location(location: Location, open_flags: u32, creds: &Creds) -> Result<Arc<File>, Errno> {
    let kind = location.inode().kind();
    let access = open_flags & flags::ACCMODE;
    let mut mask = match access {
        flags::RDONLY => READ,
        flags::WRONLY => WRITE,
        // 3 is a Linux speciality: permission for both, and neither read nor write possible.
        _ => READ | WRITE,
    };
    if open_flags & flags::TRUNC != 0 {
        mask |= WRITE;
    }
    match kind {
        FileKind::Symlink => return Err(Errno::ELOOP),
        FileKind::Directory if mask & WRITE != 0 || open_flags & flags::CREAT != 0 => return Err(Errno::EISDIR),
        FileKind::CharDevice | FileKind::BlockDevice if location.mount.flags().contains(MountFlags::NODEV) => {
            return Err(Errno::EACCES);
        }
        FileKind::Regular if mask & WRITE != 0 => location.check_writable()?,
        _ => {}
    }
    check_access(location.inode(), creds, mask)?;
    devices::check_inode(&**location.inode(), mask)?;
    if open_flags & flags::NOATIME != 0 && !is_owner(&location.inode().attributes()?, creds) {
        return Err(Errno::EPERM);
    }
    open_checked(location, open_flags)
}

/// Opens a file for execve(2): it must be regular, executable, and on a mount that allows it.
///
/// # Errors
/// `EACCES`, `ETXTBSY` and those of open(2).
pub fn open_for_exec(location: Location, creds: &Creds) -> Result<Arc<File>, Errno> {
    match location.inode().kind() {
        FileKind::Regular => {}
        FileKind::Symlink => return Err(Errno::ELOOP),
        _ => return Err(Errno::EACCES),
    }
    if location.is_noexec() {
        return Err(Errno::EACCES);
    }
    check_access(location.inode(), creds, EXEC)?;
    let ops = location.inode().clone().open(flags::RDONLY)?;
    let file = File::executed(ops, location)?;
    notify::changed(file.location(), Change::Opened);
    Ok(file)
}

/// Opens without further checks.
///
/// # Errors
/// Those of the file system.
pub fn open_checked(location: Location, open_flags: u32) -> Result<Arc<File>, Errno> {
    let inode = location.inode().clone();
    let kind = inode.kind();
    // Only status flags stay with the file.
    const KEPT: u32 = !(flags::CREAT | flags::EXCL | flags::NOCTTY | flags::TRUNC | flags::CLOEXEC);
    let ops: Box<dyn FileOps> = match kind {
        FileKind::Fifo | FileKind::Socket | FileKind::CharDevice | FileKind::BlockDevice => {
            special::open(&location, open_flags)?
        }
        _ => inode.clone().open(open_flags & !flags::TRUNC)?,
    };
    let file = File::opened(ops, location, open_flags & KEPT)?;
    notify::changed(file.location(), Change::Opened);
    if open_flags & flags::TRUNC != 0 && kind == FileKind::Regular {
        super::change::set_size(file.location(), 0)?;
    }
    Ok(file)
}

/// An O_PATH file of a place.
pub fn open_path(location: Location) -> Arc<File> {
    File::new(Box::new(PathOnly), location, flags::PATH)
}

/// The file that an O_PATH descriptor stands for can only be named, not used.
#[derive(Snapshot)]
pub struct PathOnly;

impl FileOps for PathOnly {
    fn is_seekable(&self) -> bool {
        false
    }
}
