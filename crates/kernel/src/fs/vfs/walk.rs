//! Path walk: from a path to a place; see path_resolution(7) and openat2(2).

use std::borrow::Cow;

use bitflags::bitflags;
use lazaret_abi::errno::Errno;
use lazaret_snapshot::Snapshot;

use super::{
    dentry::{Dentry, NAME_MAX},
    location::Location,
    mount::MountFlags,
    permission::{EXEC, check_access},
};
use crate::{
    fs::inode::{FileKind, LinkTarget},
    sync::Arc,
    task::creds::Creds,
};

/// Symbolic links that one walk follows at most.
const MAX_LINKS: u32 = 40;

bitflags! {
    /// How a path is walked.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct LookupFlags: u32 {
        /// Follow a symbolic link in the last component.
        const FOLLOW = 1;
        /// The path must lead to a directory.
        const DIRECTORY = 2;
        /// An empty path means the directory it is relative to (AT_EMPTY_PATH).
        const EMPTY_PATH = 4;
        /// RESOLVE_NO_XDEV: cross no mount.
        const NO_XDEV = 8;
        /// RESOLVE_NO_MAGICLINKS
        const NO_MAGICLINKS = 16;
        /// RESOLVE_NO_SYMLINKS
        const NO_SYMLINKS = 32;
        /// RESOLVE_BENEATH: never leave the starting directory.
        const BENEATH = 64;
        /// RESOLVE_IN_ROOT: the starting directory is the root.
        const IN_ROOT = 128;
    }
}

/// Who walks, and from where.
#[derive(Clone, Snapshot)]
pub struct PathContext {
    /// Where absolute paths start.
    pub root: Location,
    /// Where relative paths start.
    pub directory: Location,
    /// Whose permissions count.
    pub creds: Arc<Creds>,
    /// Mode bits that new files do not get.
    pub umask: u32,
}

impl PathContext {
    /// The place that `path` leads to.
    ///
    /// # Errors
    /// Those of path_resolution(7): `ENOENT`, `ENOTDIR`, `EACCES`, `ELOOP`, `ENAMETOOLONG`; `EXDEV`
    /// where the flags forbid to leave.
    pub fn lookup(&self, path: &[u8], flags: LookupFlags) -> Result<Location, Errno> {
        let mut walk = Walk::new(self, path, flags)?;
        loop {
            let last = walk.to_last()?;
            if let Some(found) = walk.finish(&last)? {
                return Ok(found);
            }
        }
    }

    /// The directory that the last component of `path` is in, and that component, which need not
    /// exist and is not followed.
    ///
    /// # Errors
    /// As [`PathContext::lookup`].
    pub fn lookup_parent(&self, path: &[u8], flags: LookupFlags) -> Result<Parent, Errno> {
        let mut walk = Walk::new(self, path, flags - LookupFlags::EMPTY_PATH)?;
        let last = walk.to_last()?;
        Ok(Parent { directory: walk.at, last, trailing_slash: walk.trailing_slash })
    }
}

/// Result of [`PathContext::lookup_parent`].
pub struct Parent {
    /// The directory.
    pub directory: Location,
    /// The last component.
    pub last: Last,
    /// The path ended in a slash.
    pub trailing_slash: bool,
}

/// Last component of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Last {
    /// There is none: the path was `/` or empty.
    Root,
    /// `.`
    Dot,
    /// `..`
    DotDot,
    /// A name.
    Name(Vec<u8>),
}

/// A walk under way.
pub struct Walk<'a> {
    context: &'a PathContext,
    flags: LookupFlags,
    /// Root of this walk; the starting directory with BENEATH or IN_ROOT.
    root: Location,
    /// Where the walk has come to.
    pub at: Location,
    rest: Cow<'a, [u8]>,
    next: usize,
    links: u32,
    /// The path ended in a slash: the last component must be a directory, and links are followed.
    pub trailing_slash: bool,
}

impl<'a> Walk<'a> {
    /// Begins to walk `path`.
    ///
    /// # Errors
    /// `ENOENT` for an empty path that is not allowed, `EXDEV` for an absolute one with BENEATH.
    pub fn new(context: &'a PathContext, path: &'a [u8], flags: LookupFlags) -> Result<Walk<'a>, Errno> {
        if path.is_empty() && !flags.contains(LookupFlags::EMPTY_PATH) {
            return Err(Errno::ENOENT);
        }
        let scoped = flags.intersects(LookupFlags::BENEATH | LookupFlags::IN_ROOT);
        let root = if scoped { context.directory.clone() } else { context.root.clone() };
        let mut walk = Walk {
            context,
            flags,
            at: context.directory.clone(),
            root,
            rest: Cow::Borrowed(path),
            next: 0,
            links: 0,
            trailing_slash: path.len() > 1 && path.ends_with(b"/"),
        };
        if path.starts_with(b"/") {
            walk.return_to_root()?;
        }
        Ok(walk)
    }

    fn return_to_root(&mut self) -> Result<(), Errno> {
        if self.flags.contains(LookupFlags::BENEATH) {
            return Err(Errno::EXDEV);
        }
        if self.flags.contains(LookupFlags::NO_XDEV) && !Arc::ptr_eq(&self.at.mount, &self.root.mount) {
            return Err(Errno::EXDEV);
        }
        self.at = self.root.clone();
        Ok(())
    }

    /// The next component of the path, if there is one.
    fn component(&mut self) -> Option<std::ops::Range<usize>> {
        while self.rest.get(self.next) == Some(&b'/') {
            self.next += 1;
        }
        let start = self.next;
        let length = self.rest[start..].iter().position(|byte| *byte == b'/').unwrap_or(self.rest.len() - start);
        self.next = start + length;
        (length > 0).then_some(start..self.next)
    }

    fn is_at_end(&self) -> bool {
        self.rest[self.next..].iter().all(|byte| *byte == b'/')
    }

    /// Walks all but the last component.
    ///
    /// # Errors
    /// Those of path_resolution(7).
    pub fn to_last(&mut self) -> Result<Last, Errno> {
        loop {
            let Some(range) = self.component() else { return Ok(Last::Root) };
            if self.at.inode().kind() != FileKind::Directory {
                return Err(Errno::ENOTDIR);
            }
            check_access(self.at.inode(), &self.context.creds, EXEC)?;
            let last = self.is_at_end();
            match &self.rest[range.clone()] {
                b"." if last => return Ok(Last::Dot),
                b".." if last => return Ok(Last::DotDot),
                b"." => {}
                b".." => self.climb()?,
                name => {
                    if name.len() > NAME_MAX {
                        return Err(Errno::ENAMETOOLONG);
                    }
                    if last {
                        return Ok(Last::Name(name.to_vec()));
                    }
                    let child = self.at.dentry.child(name, &self.at.mount.superblock().cache)?;
                    self.enter(child.ok_or(Errno::ENOENT)?, true)?;
                }
            }
        }
    }

    /// Looks up the last component. `None` when it was a link: then the walk goes on with
    /// [`Walk::to_last`].
    ///
    /// # Errors
    /// Those of path_resolution(7).
    pub fn finish(&mut self, last: &Last) -> Result<Option<Location>, Errno> {
        match last {
            Last::Root | Last::Dot => {}
            Last::DotDot => self.climb()?,
            Last::Name(name) => {
                let child = self.at.dentry.child(name, &self.at.mount.superblock().cache)?;
                if !self.enter_last(child.ok_or(Errno::ENOENT)?)? {
                    return Ok(None);
                }
            }
        }
        let directory = self.trailing_slash || self.flags.contains(LookupFlags::DIRECTORY);
        if directory && self.at.inode().kind() != FileKind::Directory {
            return Err(Errno::ENOTDIR);
        }
        Ok(Some(self.at.clone()))
    }

    /// Enters `child`, the last component. False when it was a link that is now being followed.
    ///
    /// # Errors
    /// Those of path_resolution(7).
    pub fn enter_last(&mut self, child: Arc<Dentry>) -> Result<bool, Errno> {
        let links = self.links;
        self.enter(child, self.flags.contains(LookupFlags::FOLLOW) || self.trailing_slash)?;
        Ok(links == self.links)
    }

    /// Goes to a child of the current directory, or where it points if it is a link.
    fn enter(&mut self, child: Arc<Dentry>, follow: bool) -> Result<(), Errno> {
        let place = Location { mount: self.at.mount.clone(), dentry: child };
        if follow && place.inode().kind() == FileKind::Symlink {
            return self.follow(&place);
        }
        let crossed = place.cross_mounts();
        self.change_mount(crossed)
    }

    fn change_mount(&mut self, to: Location) -> Result<(), Errno> {
        if self.flags.contains(LookupFlags::NO_XDEV) && !Arc::ptr_eq(&to.mount, &self.at.mount) {
            return Err(Errno::EXDEV);
        }
        self.at = to;
        Ok(())
    }

    fn follow(&mut self, link: &Location) -> Result<(), Errno> {
        self.links += 1;
        if self.links > MAX_LINKS
            || self.flags.contains(LookupFlags::NO_SYMLINKS)
            || link.mount.flags().contains(MountFlags::NOSYMFOLLOW)
        {
            return Err(Errno::ELOOP);
        }
        match link.inode().follow_link()? {
            LinkTarget::Path(target) => {
                if target.is_empty() {
                    return Err(Errno::ENOENT);
                }
                if target.starts_with(b"/") {
                    self.return_to_root()?;
                }
                let mut rest = target;
                if self.is_at_end() {
                    self.trailing_slash |= rest.ends_with(b"/");
                } else {
                    rest.push(b'/');
                    rest.extend_from_slice(&self.rest[self.next..]);
                }
                self.rest = Cow::Owned(rest);
                self.next = 0;
                Ok(())
            }
            LinkTarget::Object(object) => {
                if self.flags.contains(LookupFlags::NO_MAGICLINKS) {
                    return Err(Errno::ELOOP);
                }
                if self.flags.intersects(LookupFlags::BENEATH | LookupFlags::IN_ROOT) {
                    return Err(Errno::EXDEV);
                }
                if self.is_at_end() {
                    self.next = self.rest.len();
                }
                self.change_mount(object)
            }
        }
    }

    /// A directory may have been moved out of what a bind mount shows, or out of the scope of the walk:
    /// then `..` must not lead on outside.
    fn check_inside(&self, at: &Location) -> Result<(), Errno> {
        let root = at.mount.root();
        if !Arc::ptr_eq(root, at.mount.superblock().root()) && !root.is_ancestor_of(&at.dentry) {
            return Err(Errno::ENOENT);
        }
        let scoped = self.flags.intersects(LookupFlags::BENEATH | LookupFlags::IN_ROOT);
        if scoped && Arc::ptr_eq(&at.mount, &self.root.mount) && !self.root.dentry.is_ancestor_of(&at.dentry) {
            return Err(Errno::EAGAIN);
        }
        Ok(())
    }

    /// `..`
    fn climb(&mut self) -> Result<(), Errno> {
        let mut at = self.at.clone();
        loop {
            if at.is_same(&self.root) {
                if self.flags.contains(LookupFlags::BENEATH) {
                    return Err(Errno::EXDEV);
                }
                break;
            }
            if !at.is_mount_root() {
                if let Some(parent) = at.dentry.parent() {
                    at.dentry = parent;
                }
                self.check_inside(&at)?;
                break;
            }
            match at.mount.parent() {
                Some((mount, dentry)) => at = Location { mount, dentry },
                None => break,
            }
        }
        self.change_mount(at.cross_mounts())
    }
}
