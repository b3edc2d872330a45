//! Files of a server. See [`super::super::handle::Handle`] for what each call does.

use std::{ffi::CStr, os::fd::OwnedFd};

use lazaret_abi::errno::Errno;
use lazaret_p9::{Attributes as Told, Change, Data, Entry as Told9, Many, Reply, Request, attribute, change, open};
use rustix::{
    fs::{FileType, OFlags},
    net::{AddressFamily, SocketType, sockopt},
};

use super::{
    super::{Entry, HostSockets, Listing, errno, handle::key_of},
    session::{Message, Session},
};
use crate::{
    fs::inode::{Attributes, FileKind, FsStatistics, NewAttributes, NewNode, SetAttributes, Timestamp},
    sync::Arc,
};

/// Longest value of an extended attribute, and longest list of names.
const XATTR_MAX: u32 = 64 * 1024;

/// Longest target of a symbolic link.
const LINK_MAX: usize = 4096;

/// Longest name.
const NAME_MAX: usize = 255;

/// Most entries of a directory.
const ENTRIES_MAX: usize = 1 << 24;

/// AT_REMOVEDIR.
const REMOVE_DIRECTORY: u32 = 0x200;

/// A file of the server that is held.
pub struct Fid {
    session: Arc<Session>,
    number: u32,
    /// Its end is over only when the server says so.
    is_awaited: bool,
}

/// What a reply must be.
macro_rules! expect {
    ($message:expr, $pattern:pat => $value:expr) => {
        match $message.ok_or(Errno::EIO)?.reply()? {
            $pattern => $value,
            _ => return Err(Errno::EIO),
        }
    };
}

impl Fid {
    /// A number, of which the server does not know yet.
    pub(super) fn new(session: &Arc<Session>) -> Result<Fid, Errno> {
        Ok(Fid { session: session.clone(), number: session.take_fid()?, is_awaited: false })
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// Nobody will want to write below.
    pub fn is_read_only(&self) -> bool {
        self.session.is_read_only()
    }

    /// What may be done with sockets below.
    pub fn sockets(&self) -> HostSockets {
        self.session.sockets()
    }

    /// The request that makes `new` stand for an entry, or for this file itself.
    fn to<'a>(&self, name: &'a CStr, new: u32) -> Request<'a> {
        let names = if name.is_empty() { Vec::new() } else { vec![name.to_bytes()] };
        Request::Walk { fid: self.number, new_fid: new, names: Many(names) }
    }

    /// Makes requests about an entry, or about this file itself, for which a fid is made only for them. The replies
    /// to them begin at index 1.
    fn with<'a>(&self, name: &'a CStr, requests: impl FnOnce(u32) -> Vec<Request<'a>>) -> Result<Vec<Message>, Errno> {
        let fid = self.session.take_fid()?;
        let mut all = vec![self.to(name, fid)];
        all.extend(requests(fid));
        all.push(Request::Clunk { fid });
        let replies = self.session.call(&all);
        self.session.give_fid(fid);
        replies
    }

    pub fn walk(&self, name: &CStr) -> Result<Fid, Errno> {
        let fid = Fid::new(&self.session)?;
        self.session.call(&[self.to(name, fid.number)])?;
        Ok(fid)
    }

    pub fn entry(&self, name: &CStr) -> Result<(Fid, Attributes), Errno> {
        let fid = Fid::new(&self.session)?;
        let replies = self.session.call(&[self.to(name, fid.number), get_attributes(fid.number)])?;
        Ok((fid, found(replies.get(1))?))
    }

    pub fn attributes(&self, name: &CStr) -> Result<Attributes, Errno> {
        if name.is_empty() {
            return found(self.session.call(&[get_attributes(self.number)])?.first());
        }
        found(self.with(name, |fid| vec![get_attributes(fid)])?.get(1))
    }

    pub fn open_file(&self, name: &CStr, writable: bool) -> Result<OwnedFd, Errno> {
        let flags = if writable { open::READ_WRITE } else { 0 };
        let mut replies = self.with(name, |fid| vec![Request::Lopen { fid, flags }])?;
        let file = replies.get_mut(1).ok_or(Errno::EIO)?.file()?;
        // What is read and mapped must be no device, and nothing that blocks.
        let stat = rustix::fs::fstat(&file).map_err(errno)?;
        let access = rustix::fs::fcntl_getfl(&file).map_err(errno)?;
        let is_writable = access.intersection(OFlags::RWMODE) == OFlags::RDWR;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile
            || access.contains(OFlags::PATH)
            || writable && !is_writable
        {
            return Err(Errno::EIO);
        }
        Ok(file)
    }

    pub fn list(&self) -> Result<Listing, Errno> {
        let directory = Fid::new(&self.session)?;
        let (fid, count) = (directory.number, self.session.unit());
        let read = |offset| Request::ReadDirectory { fid, offset, count };
        let open = Request::Lopen { fid, flags: open::DIRECTORY };
        let mut replies = self.session.call(&[self.to(c"", fid), open, read(0)])?;
        let mut listing = Listing::default();
        let mut entries = 0;
        loop {
            let data = expect!(replies.last(), Reply::ReadDirectory { data: Data(data) } => data);
            let mut rest = data;
            let mut last = 0;
            while let Some((entry, left)) = Told9::decode(rest).map_err(|_| Errno::EIO)? {
                (rest, last) = (left, entry.offset);
                entries += 1;
                listing.extend(listed(&entry));
            }
            if entries > ENTRIES_MAX {
                return Err(Errno::EIO);
            }
            // The server gives as much as there is room for.
            let room = usize::try_from(count).unwrap_or(0).saturating_sub(data.len());
            if data.is_empty() || room >= Told9::size(&[0; NAME_MAX]) {
                return Ok(listing);
            }
            replies = self.session.call(&[read(last)])?;
        }
    }

    pub fn read_link(&self, name: &CStr) -> Result<Vec<u8>, Errno> {
        let replies = self.with(name, |fid| vec![Request::ReadLink { fid }])?;
        let target = expect!(replies.get(1), Reply::ReadLink { target } => target);
        if target.is_empty() || target.len() >= LINK_MAX || target.contains(&0) {
            return Err(Errno::EIO);
        }
        Ok(target.to_vec())
    }

    pub fn make(&self, name: &CStr, node: NewNode<'_>, wanted: &NewAttributes) -> Result<Attributes, Errno> {
        let (kind, target) = match node {
            NewNode::Node { kind, .. } => (kind, &b""[..]),
            NewNode::Directory => (FileKind::Directory, &b""[..]),
            NewNode::Symlink(target) => (FileKind::Symlink, target),
        };
        let replies = self.session.call(&[Request::Make {
            directory: self.number,
            name: name.to_bytes(),
            mode: kind as u32 | wanted.permissions,
            uid: wanted.uid,
            gid: wanted.gid,
            target,
        }])?;
        told(expect!(replies.first(), Reply::Make { attributes } => attributes))
    }

    pub fn link(&self, name: &CStr, directory: &Fid, new_name: &CStr) -> Result<(), Errno> {
        self.same_server(directory)?;
        let (directory, name9) = (directory.number, new_name.to_bytes());
        self.with(name, |fid| vec![Request::Link { directory, fid, name: name9 }]).map(drop)
    }

    pub fn remove(&self, name: &CStr, is_directory: bool) -> Result<(), Errno> {
        let flags = if is_directory { REMOVE_DIRECTORY } else { 0 };
        let request = Request::UnlinkAt { directory: self.number, name: name.to_bytes(), flags };
        self.session.call(&[request]).map(drop)
    }

    pub fn rename(&self, name: &CStr, directory: &Fid, new_name: &CStr, flags: u32) -> Result<(), Errno> {
        self.same_server(directory)?;
        let request = Request::RenameWith {
            directory: self.number,
            name: name.to_bytes(),
            new_directory: directory.number,
            new_name: new_name.to_bytes(),
            flags,
        };
        self.session.call(&[request]).map(drop)
    }

    fn same_server(&self, other: &Fid) -> Result<(), Errno> {
        if Arc::ptr_eq(&self.session, &other.session) { Ok(()) } else { Err(Errno::EXDEV) }
    }

    pub fn set_attributes(&self, name: &CStr, key: (u64, u64), change: &SetAttributes) -> Result<(), Errno> {
        let (fid, found) = self.entry(name)?;
        if key_of(&found) != key {
            return Err(Errno::ESTALE);
        }
        let request = Request::SetAttributes { fid: fid.number, change: asked(change) };
        self.session.call(&[request]).map(drop)
    }

    pub fn get_xattr(&self, name: &CStr, attribute: &CStr) -> Result<Vec<u8>, Errno> {
        let value = self.session.take_fid()?;
        let replies = self.with(name, |fid| {
            vec![
                Request::XattrWalk { fid, new_fid: value, name: attribute.to_bytes() },
                Request::Read { fid: value, offset: 0, count: XATTR_MAX },
                Request::Clunk { fid: value },
            ]
        });
        self.session.give_fid(value);
        let replies = replies?;
        let size = expect!(replies.get(1), Reply::XattrWalk { size } => size);
        let data = expect!(replies.get(2), Reply::Read { data: Data(data) } => data);
        if data.len() as u64 == size { Ok(data.to_vec()) } else { Err(Errno::EIO) }
    }

    pub fn set_xattr(&self, name: &CStr, attribute: &CStr, value: &[u8], flags: u32) -> Result<(), Errno> {
        let fid = self.session.take_fid()?;
        let create = Request::XattrCreate { fid, name: attribute.to_bytes(), size: value.len() as u64, flags };
        let mut requests = vec![self.to(name, fid), create];
        if !value.is_empty() {
            requests.push(Request::Write { fid, offset: 0, data: Data(value) });
        }
        // This is what sets it.
        requests.push(Request::Clunk { fid });
        let replies = self.session.call(&requests);
        self.session.give_fid(fid);
        replies?.last().ok_or(Errno::EIO)?.reply().map(drop)
    }

    pub fn list_xattrs(&self, name: &CStr) -> Result<Vec<u8>, Errno> {
        self.get_xattr(name, c"")
    }

    pub fn remove_xattr(&self, name: &CStr, attribute: &CStr) -> Result<(), Errno> {
        self.with(name, |fid| vec![Request::XattrRemove { fid, name: attribute.to_bytes() }]).map(drop)
    }

    pub fn statistics(&self) -> Result<FsStatistics, Errno> {
        let replies = self.session.call(&[Request::StatFs { fid: self.number }])?;
        let told = expect!(replies.first(), Reply::StatFs { statistics } => statistics);
        Ok(FsStatistics {
            magic: told.magic.into(),
            block_size: told.block_size.into(),
            blocks: told.blocks,
            blocks_free: told.blocks_free,
            blocks_available: told.blocks_available,
            files: told.files,
            files_free: told.files_free,
            name_max: told.name_length.into(),
        })
    }

    pub fn connect(&self, name: &CStr, kind: u32) -> Result<OwnedFd, Errno> {
        let mut replies = self.with(name, |fid| vec![Request::Connect { fid, kind }])?;
        socket(replies.get_mut(1), kind)
    }

    pub fn bind(&self, name: &CStr, kind: u32, wanted: &NewAttributes) -> Result<(OwnedFd, Fid, Attributes), Errno> {
        // Once a socket is closed nobody can connect to it any more.
        let mut bound = Fid::new(&self.session)?;
        bound.is_awaited = true;
        let mut replies = self.session.call(&[Request::Bind {
            directory: self.number,
            new_fid: bound.number,
            name: name.to_bytes(),
            kind,
            mode: wanted.permissions,
            uid: wanted.uid,
            gid: wanted.gid,
        }])?;
        let attributes = told(expect!(replies.first(), Reply::Bind { attributes } => attributes))?;
        Ok((socket(replies.first_mut(), kind)?, bound, attributes))
    }

    pub fn listen(&self, backlog: u32) -> Result<(), Errno> {
        self.session.call(&[Request::Listen { fid: self.number, backlog }]).map(drop)
    }

    pub fn sync(&self) -> Result<(), Errno> {
        let requests = |fid| vec![Request::Lopen { fid, flags: open::DIRECTORY }, Request::Fsync { fid, data_only: 0 }];
        self.with(c"", requests).map(drop)
    }
}

impl Drop for Fid {
    fn drop(&mut self) {
        self.session.forget(self.number, self.is_awaited);
    }
}

/// The socket that came with a reply, if it can be the one that was asked for.
fn socket(message: Option<&mut Message>, kind: u32) -> Result<OwnedFd, Errno> {
    let socket = message.ok_or(Errno::EIO)?.file()?;
    let is_meant = sockopt::socket_domain(&socket) == Ok(AddressFamily::UNIX)
        && sockopt::socket_type(&socket) == Ok(SocketType::from_raw(kind))
        && rustix::fs::fcntl_getfl(&socket).is_ok_and(|flags| flags.contains(OFlags::NONBLOCK));
    if is_meant { Ok(socket) } else { Err(Errno::EIO) }
}

fn get_attributes(fid: u32) -> Request<'static> {
    Request::GetAttributes { fid, mask: attribute::BASIC | attribute::BIRTH | attribute::GENERATION }
}

/// The answer to [`get_attributes`].
fn found(message: Option<&Message>) -> Result<Attributes, Errno> {
    told(expect!(message, Reply::GetAttributes { attributes } => attributes))
}

/// Attributes that the server tells, as far as they can be true.
fn told(told: Told) -> Result<Attributes, Errno> {
    let timestamp = |seconds: u64, nanoseconds: u64| Timestamp {
        seconds: seconds.cast_signed(),
        nanoseconds: u32::try_from(nanoseconds).ok().filter(|count| *count < 1_000_000_000).unwrap_or(0),
    };
    let kind = FileKind::from_mode(told.mode).filter(|kind| *kind != FileKind::Anonymous);
    if i64::try_from(told.size).is_err() {
        return Err(Errno::EIO);
    }
    Ok(Attributes {
        device: told.generation,
        inode: told.qid.path,
        kind: kind.ok_or(Errno::EIO)?,
        permissions: told.mode & 0o7777,
        links: told.links,
        uid: told.uid,
        gid: told.gid,
        rdev: told.rdev,
        size: told.size,
        block_size: u32::try_from(told.block_size).unwrap_or(4096),
        blocks: told.blocks,
        atime: timestamp(told.atime, told.atime_nanoseconds),
        mtime: timestamp(told.mtime, told.mtime_nanoseconds),
        ctime: timestamp(told.ctime, told.ctime_nanoseconds),
        btime: (told.valid & attribute::BIRTH != 0).then(|| timestamp(told.btime, told.btime_nanoseconds)),
    })
}

fn asked(change: &SetAttributes) -> Change {
    let mut asked = Change::default();
    let set = |bits: u32, field: &mut u32, value: Option<u32>| {
        if let Some(value) = value {
            *field = value;
            return bits;
        }
        0
    };
    asked.valid |= set(change::MODE, &mut asked.mode, change.permissions);
    asked.valid |= set(change::UID, &mut asked.uid, change.uid);
    asked.valid |= set(change::GID, &mut asked.gid, change.gid);
    if let Some(time) = change.atime {
        asked.valid |= change::ATIME | change::ATIME_SET;
        (asked.atime, asked.atime_nanoseconds) = (time.seconds.cast_unsigned(), time.nanoseconds.into());
    }
    if let Some(time) = change.mtime {
        asked.valid |= change::MTIME | change::MTIME_SET;
        (asked.mtime, asked.mtime_nanoseconds) = (time.seconds.cast_unsigned(), time.nanoseconds.into());
    }
    asked
}

/// An entry that the server tells, if it can be one.
fn listed<'a>(entry: &Told9<'a>) -> Option<Entry<'a>> {
    let name = entry.name;
    let is_name = !matches!(name, b"" | b"." | b"..")
        && name.len() <= NAME_MAX
        && !name.iter().any(|byte| matches!(byte, 0 | b'/'));
    // A file system that does not tell is one of network or exotic kind.
    let kind = FileKind::from_mode(u32::from(entry.kind) << 12).filter(|kind| *kind != FileKind::Anonymous);
    is_name.then_some(Entry { name, inode: entry.qid.path, kind: kind.unwrap_or(FileKind::Regular) })
}
