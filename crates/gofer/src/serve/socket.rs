//! Sockets of the host: connections to those whose files are in the tree, and new ones there.
//!
//! The client gets the socket itself. It cannot connect, bind or listen; who made the socket, for the other side
//! (SO_PEERCRED), is this process.

use std::{
    os::fd::{AsRawFd, OwnedFd},
    rc::Rc,
    sync::{Mutex, PoisonError},
};

use lazaret_p9::{Reply, Request};
use rustix::{
    fs::{FileType, fchmod},
    io::{Errno, Result},
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with},
    process::fchdir,
};

use serde::{Deserialize, Serialize};

use super::{
    attributes::attributes_of,
    connection::Session,
    create::{New, give, permissions},
    fid::{Fid, State},
    node::entry_name,
};

/// What a client may do with sockets of the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowed {
    /// Connect to them.
    pub open: bool,
    /// Make them.
    pub create: bool,
}

impl Allowed {
    /// Anything at all.
    pub fn is_any(self) -> bool {
        self.open || self.create
    }
}

/// Reaches and makes sockets for all trees.
pub struct Sockets {
    allowed: Allowed,
    /// A procfs of this process, by which a file is named that is held.
    procfs: OwnedFd,
    /// Addresses are short, so they start from the working directory, which all threads share.
    directory: Mutex<()>,
}

impl Sockets {
    /// What is allowed; and a procfs of the calling process.
    pub fn new(allowed: Allowed, procfs: OwnedFd) -> Sockets {
        Sockets { allowed, procfs, directory: Mutex::new(()) }
    }

    /// Makes a call with an address that starts from a directory.
    fn from<T>(&self, directory: &OwnedFd, call: impl FnOnce() -> Result<T>) -> Result<T> {
        let _held = self.directory.lock().unwrap_or_else(PoisonError::into_inner);
        fchdir(directory)?;
        call()
    }
}

/// A socket that does not block, for it is the client who waits.
fn new_socket(kind: u32) -> Result<OwnedFd> {
    let kind = SocketType::from_raw(kind);
    if ![SocketType::STREAM, SocketType::DGRAM, SocketType::SEQPACKET].contains(&kind) {
        return Err(Errno::INVAL);
    }
    socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)
}

impl Session<'_> {
    pub(super) fn socket(&mut self, tag: u16, request: &Request<'_>) -> Result<()> {
        let Some(sockets) = self.sockets.filter(|_| self.extended) else { return Err(Errno::OPNOTSUPP) };
        match *request {
            Request::Connect { fid, kind } if sockets.allowed.open => self.connect(sockets, tag, fid, kind),
            Request::Connect { .. } => Err(Errno::CONNREFUSED),
            Request::Bind { directory, new_fid, name, kind, mode, uid, gid } if sockets.allowed.create => {
                let new = New { mode, uid: Some(uid), gid };
                self.bind(sockets, tag, (directory, name), (new_fid, kind, new))
            }
            Request::Listen { fid, backlog } => match &self.fids.get(fid)?.state {
                State::Socket(socket) => {
                    listen(&**socket, i32::try_from(backlog).unwrap_or(i32::MAX))?;
                    self.done(tag, Reply::Listen {})
                }
                _ => Err(Errno::BADF),
            },
            _ => Err(Errno::OPNOTSUPP),
        }
    }

    fn connect(&mut self, sockets: &Sockets, tag: u16, fid: u32, kind: u32) -> Result<()> {
        let node = self.fids.node(fid)?;
        if node.kind != FileType::Socket {
            return Err(Errno::CONNREFUSED);
        }
        let socket = new_socket(kind)?;
        // The very file, whatever its name leads to by now.
        let address = SocketAddrUnix::new(format!("self/fd/{}", node.file.as_raw_fd()))?;
        sockets.from(&sockets.procfs, || connect(&socket, &address))?;
        self.reply(tag, &Reply::Connect {});
        self.hand_over(&Rc::new(socket));
        Ok(())
    }

    fn bind(
        &mut self,
        sockets: &Sockets,
        tag: u16,
        (directory, name): (u32, &[u8]),
        (new_fid, kind, new): (u32, u32, New),
    ) -> Result<()> {
        self.fids.check_new(new_fid)?;
        let (directory, name) = (self.fids.node(directory)?, entry_name(name)?);
        let socket = new_socket(kind)?;
        // The file gets this mode, so it never has another.
        fchmod(&socket, permissions(new.mode))?;
        let address = SocketAddrUnix::new(&*name)?;
        sockets.from(&directory.file, || bind(&socket, &address)).map_err(|errno| match errno {
            Errno::ADDRINUSE => Errno::EXIST,
            errno => errno,
        })?;
        let (node, found) = directory.entry(name)?;
        let attributes = attributes_of(&give(&node, found, new)?, true);
        let socket = Rc::new(socket);
        self.fids.set(new_fid, Fid { node, uid: 0, state: State::Socket(socket.clone()) });
        self.reply(tag, &Reply::Bind { attributes });
        self.hand_over(&socket);
        Ok(())
    }
}
