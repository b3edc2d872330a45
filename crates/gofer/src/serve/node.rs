//! Files of the tree, as fids stand for them.

use std::{
    cell::RefCell,
    ffi::{CStr, CString},
    os::fd::{AsFd, OwnedFd},
    rc::Rc,
};

use lazaret_p9::{Qid, qid};
use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Statx, StatxFlags, makedev, openat2, statx},
    io::{Errno, Result},
};

/// Longest name.
const NAME_MAX: usize = 255;

/// How names are looked up: what a link or `..` leads to is not asked for.
const RESOLVE: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS).union(ResolveFlags::NO_SYMLINKS);

/// A file.
pub struct Node {
    /// O_PATH; but open in the case of a root that is no directory.
    pub file: OwnedFd,
    /// Its type, which never changes.
    pub kind: FileType,
    /// Device and inode.
    pub key: (u64, u64),
    /// Where it was found; the root was not.
    place: RefCell<Option<(Rc<Node>, CString)>>,
}

/// A name that an entry can have.
///
/// # Errors
/// `EINVAL`, `ENAMETOOLONG`; `ENOENT` for an empty one.
pub fn entry_name(name: &[u8]) -> Result<CString> {
    match name {
        b"" => Err(Errno::NOENT),
        b"." | b".." => Err(Errno::INVAL),
        _ if name.len() > NAME_MAX => Err(Errno::NAMETOOLONG),
        _ if name.contains(&b'/') => Err(Errno::INVAL),
        _ => CString::new(name).map_err(|_| Errno::INVAL),
    }
}

/// Attributes of an entry, or of the file itself if there is no name.
pub fn stat(file: impl AsFd, name: &CStr) -> Result<Statx> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH;
    statx(file, name, flags, StatxFlags::BASIC_STATS | StatxFlags::BTIME)
}

/// What tells a file from all others.
pub fn key_of(stat: &Statx) -> (u64, u64) {
    (makedev(stat.stx_dev_major, stat.stx_dev_minor), stat.stx_ino)
}

/// The same for the client, which does not see devices.
pub fn qid_of(stat: &Statx) -> Qid {
    let kind = match FileType::from_raw_mode(u32::from(stat.stx_mode)) {
        FileType::Directory => qid::DIRECTORY,
        FileType::Symlink => qid::SYMLINK,
        _ => qid::FILE,
    };
    let changed = stat.stx_ctime;
    // The lower half is what changes.
    let version = (changed.tv_sec.cast_unsigned() << 30 ^ u64::from(changed.tv_nsec)) & u64::from(u32::MAX);
    Qid { kind, version: u32::try_from(version).unwrap_or(0), path: stat.stx_ino }
}

impl Node {
    /// The root of a tree: a directory (O_PATH), or an open file.
    ///
    /// # Errors
    /// Those of statx(2).
    pub fn root(file: OwnedFd) -> Result<Rc<Node>> {
        Ok(Node::new(file, None)?.0)
    }

    /// A file that was opened by its name in `directory`, and its attributes.
    ///
    /// # Errors
    /// Those of statx(2).
    pub fn new(file: OwnedFd, place: Option<(Rc<Node>, CString)>) -> Result<(Rc<Node>, Statx)> {
        let stat = stat(&file, c"")?;
        let kind = FileType::from_raw_mode(u32::from(stat.stx_mode));
        Ok((Rc::new(Node { file, kind, key: key_of(&stat), place: RefCell::new(place) }), stat))
    }

    /// What an entry is.
    ///
    /// # Errors
    /// Those of a name and of openat2(2).
    pub fn entry(self: &Rc<Node>, name: CString) -> Result<(Rc<Node>, Statx)> {
        let file = self.open_entry(&name, OFlags::PATH)?;
        Node::new(file, Some((self.clone(), name)))
    }

    /// What a step of a walk leads to. There is nothing above the root.
    ///
    /// # Errors
    /// As [`Node::entry`].
    pub fn step(self: &Rc<Node>, name: &[u8]) -> Result<(Rc<Node>, Statx)> {
        let found = match name {
            _ if self.kind != FileType::Directory => return Err(Errno::NOTDIR),
            b"." => self.clone(),
            b".." => self.place.borrow().as_ref().map_or(self, |(above, _)| above).clone(),
            _ => return self.entry(entry_name(name)?),
        };
        let stat = stat(&found.file, c"")?;
        Ok((found, stat))
    }

    /// Opens an entry, and never follows a link.
    ///
    /// # Errors
    /// Those of openat2(2).
    pub fn open_entry(&self, name: &CStr, how: OFlags) -> Result<OwnedFd> {
        self.make_entry(name, how, Mode::empty())
    }

    /// The same with a mode, for O_CREAT.
    ///
    /// # Errors
    /// Those of openat2(2).
    pub fn make_entry(&self, name: &CStr, how: OFlags, mode: Mode) -> Result<OwnedFd> {
        let how = how | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        loop {
            match openat2(&self.file, name, how, mode, RESOLVE) {
                Err(Errno::INTR) => {}
                result => return result,
            }
        }
    }

    /// Opens the file itself, if it is a regular one or a directory.
    ///
    /// # Errors
    /// `ESTALE` when its name leads to another file by now; those of openat2(2).
    pub fn open(&self, how: OFlags) -> Result<OwnedFd> {
        let how = how | OFlags::NOCTTY | OFlags::NONBLOCK;
        match self.kind {
            // Whatever its name is by now.
            FileType::Directory => return self.open_entry(c".", how),
            FileType::RegularFile => {}
            FileType::Symlink => return Err(Errno::LOOP),
            _ => return Err(Errno::NXIO),
        }
        let place = self.place.borrow();
        let Some((directory, name)) = &*place else {
            return self.open_root(how);
        };
        let file = directory.open_entry(name, how)?;
        if key_of(&stat(&file, c"")?) == self.key { Ok(file) } else { Err(Errno::STALE) }
    }

    /// A root that is a file came open: what it allows is all there is.
    fn open_root(&self, how: OFlags) -> Result<OwnedFd> {
        let held = rustix::fs::fcntl_getfl(&self.file)?.intersection(OFlags::RWMODE);
        let wanted = how.intersection(OFlags::RWMODE);
        if held != wanted && held != OFlags::RDWR {
            return Err(Errno::ACCESS);
        }
        rustix::io::fcntl_dupfd_cloexec(&self.file, 0)
    }

    /// The directory and the name by which the file was found.
    ///
    /// # Errors
    /// `EBUSY` for the root; `ESTALE` when the name leads to another file by now.
    pub fn place(&self) -> Result<(Rc<Node>, CString)> {
        let place = self.place.borrow().clone();
        let (directory, name) = place.ok_or(Errno::BUSY)?;
        if key_of(&stat(&directory.file, &name)?) == self.key { Ok((directory, name)) } else { Err(Errno::STALE) }
    }

    /// It was moved.
    pub fn moved(&self, directory: Rc<Node>, name: CString) {
        self.place.replace(Some((directory, name)));
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // One after the other: a recursion would be as deep as the tree.
        let mut place = self.place.take();
        while let Some((directory, _)) = place {
            let Some(above) = Rc::into_inner(directory) else { break };
            place = above.place.take();
        }
    }
}
