//! A connection: what comes, and what goes back.

use std::{
    os::fd::{AsFd, OwnedFd},
    rc::Rc,
};

use lazaret_p9::{
    EXTENDED, Frame, Incoming, MAX_MESSAGE, MIN_MESSAGE, Many, NO_FID, OVERHEAD, Qid, Reply, Request, VERSION,
};
use rustix::io::{Errno, Result};

use super::{
    fid::{Fid, Fids, State},
    lock::Locks,
    node::{Node, qid_of, stat},
    socket::Sockets,
};

/// Replies that are sent together, in bytes.
const BATCH: usize = 32 * 1024;

/// Descriptors that are sent together.
const FILES: usize = 32;

/// Serves the tree below `root` (an O_PATH descriptor of a directory, or an open file) to the client at the other end
/// of a stream socket, until that goes; with `sockets`, its sockets as well.
///
/// # Errors
/// `EPROTO` when the client does not speak 9P; those of the connection. The files' are told to the client.
pub fn serve(root: OwnedFd, socket: OwnedFd, sockets: Option<&Sockets>) -> Result<()> {
    let mut session = Session {
        root: Node::root(root)?,
        max_message: MAX_MESSAGE,
        extended: false,
        fids: Fids::default(),
        locks: Locks::default(),
        sockets,
        outgoing: Outgoing { socket, bytes: Vec::new(), files: Vec::new() },
    };
    let mut incoming = Incoming::new(MAX_MESSAGE, false);
    loop {
        while let Some(frame) = incoming.next_frame().map_err(|_| Errno::PROTO)? {
            session.answer(&frame)?;
        }
        session.outgoing.send()?;
        if !incoming.receive(session.outgoing.socket.as_fd())? {
            return Ok(());
        }
    }
}

/// What a client has made.
pub(super) struct Session<'a> {
    root: Rc<Node>,
    max_message: u32,
    /// Our additions are agreed on.
    pub(super) extended: bool,
    pub(super) fids: Fids,
    pub(super) locks: Locks,
    /// Which sockets it may reach or make.
    pub(super) sockets: Option<&'a Sockets>,
    outgoing: Outgoing,
}

/// Replies that wait.
struct Outgoing {
    socket: OwnedFd,
    bytes: Vec<u8>,
    files: Vec<Rc<OwnedFd>>,
}

impl Outgoing {
    fn send(&mut self) -> Result<()> {
        let files: Vec<_> = self.files.iter().map(AsFd::as_fd).collect();
        lazaret_p9::send(self.socket.as_fd(), &self.bytes, &files)?;
        self.bytes.clear();
        self.files.clear();
        Ok(())
    }
}

impl Session<'_> {
    fn answer(&mut self, frame: &Frame<'_>) -> Result<()> {
        let reply = if Request::knows(frame.number) {
            // Its size was right: the next message can be told apart.
            Request::decode(frame.number, frame.body).map_err(|_| Errno::INVAL)
        } else {
            Err(Errno::OPNOTSUPP)
        };
        if let Err(errno) = reply.and_then(|request| self.handle(frame.tag, &request)) {
            self.reply(frame.tag, &Reply::Error { errno: errno.raw_os_error().cast_unsigned() });
        }
        if self.outgoing.bytes.len() >= BATCH || self.outgoing.files.len() >= FILES {
            self.outgoing.send()?;
        }
        Ok(())
    }

    /// Adds a reply to those that go out together.
    pub(super) fn reply(&mut self, tag: u16, reply: &Reply<'_>) {
        reply.encode(tag, &mut self.outgoing.bytes);
    }

    /// A descriptor that goes with the reply before.
    pub(super) fn hand_over(&mut self, file: &Rc<OwnedFd>) {
        self.outgoing.files.push(file.clone());
    }

    /// Most data of a message.
    pub(super) fn unit(&self) -> u32 {
        self.max_message - OVERHEAD
    }

    /// Works off a request.
    fn handle(&mut self, tag: u16, request: &Request<'_>) -> Result<()> {
        match *request {
            Request::Version { max_message, version } => self.version(tag, max_message, version),
            // Whoever holds the other end is allowed in.
            Request::Auth { .. } => Err(Errno::NOENT),
            Request::Attach { fid, auth, tree, uid, .. } => self.attach(tag, fid, auth, tree, uid),
            // What came before is done.
            Request::Flush { .. } => self.done(tag, Reply::Flush {}),
            Request::Walk { fid, new_fid, ref names } => self.walk(tag, fid, new_fid, names),
            Request::Clunk { fid } => {
                self.locks.release(fid);
                self.close(fid)?;
                self.done(tag, Reply::Clunk {})
            }
            Request::Remove { fid } => {
                self.locks.release(fid);
                let Fid { node, .. } = self.fids.remove(fid)?;
                super::create::remove(&node)?;
                self.done(tag, Reply::Remove {})
            }
            Request::StatFs { .. }
            | Request::GetAttributes { .. }
            | Request::SetAttributes { .. }
            | Request::ReadLink { .. } => self.attributes(tag, request),
            Request::Lopen { .. }
            | Request::Read { .. }
            | Request::Write { .. }
            | Request::Fsync { .. }
            | Request::ReadDirectory { .. } => self.io(tag, request),
            Request::Lock { .. } | Request::GetLock { .. } => self.lock(tag, request),
            Request::XattrWalk { .. } | Request::XattrCreate { .. } | Request::XattrRemove { .. } => {
                self.xattr(tag, request)
            }
            Request::Lcreate { .. }
            | Request::Symlink { .. }
            | Request::Mknod { .. }
            | Request::Mkdir { .. }
            | Request::Make { .. }
            | Request::Link { .. }
            | Request::Rename { .. }
            | Request::RenameAt { .. }
            | Request::RenameWith { .. }
            | Request::UnlinkAt { .. } => self.create(tag, request),
            Request::Connect { .. } | Request::Bind { .. } | Request::Listen { .. } => self.socket(tag, request),
        }
    }

    /// A reply, for a request that ends with it.
    pub(super) fn done(&mut self, tag: u16, reply: Reply<'_>) -> Result<()> {
        self.reply(tag, &reply);
        Ok(())
    }

    fn version(&mut self, tag: u16, max_message: u32, version: &[u8]) -> Result<()> {
        if max_message < MIN_MESSAGE {
            return Err(Errno::INVAL);
        }
        self.fids = Fids::default();
        self.locks = Locks::default();
        self.max_message = max_message.min(MAX_MESSAGE);
        self.extended = version == EXTENDED;
        let is_standard = version == VERSION || version.starts_with(b"9P2000.L.");
        let version: &[u8] = match (self.extended, is_standard) {
            (true, _) => EXTENDED,
            (_, true) => VERSION,
            _ => b"unknown",
        };
        let max_message = self.max_message;
        self.done(tag, Reply::Version { max_message, version })
    }

    fn attach(&mut self, tag: u16, fid: u32, auth: u32, tree: &[u8], uid: u32) -> Result<()> {
        self.fids.check_new(fid)?;
        if auth != NO_FID {
            return Err(Errno::BADF);
        }
        if !matches!(tree, b"" | b"/") {
            return Err(Errno::NOENT);
        }
        let qid = qid_of(&stat(&self.root.file, c"")?);
        self.fids.set(fid, Fid { node: self.root.clone(), uid, state: State::Closed });
        self.done(tag, Reply::Attach { qid })
    }

    fn walk(&mut self, tag: u16, fid: u32, new_fid: u32, names: &Many<&[u8]>) -> Result<()> {
        let from = self.fids.get(fid)?;
        if !matches!(from.state, State::Closed) && fid == new_fid {
            return Err(Errno::BUSY);
        }
        if fid != new_fid {
            self.fids.check_new(new_fid)?;
        }
        let (uid, mut node) = (from.uid, from.node.clone());
        let mut qids: Vec<Qid> = Vec::new();
        for name in &names.0 {
            match node.step(name) {
                Ok((next, stat)) => {
                    qids.push(qid_of(&stat));
                    node = next;
                }
                Err(errno) if qids.is_empty() => return Err(errno),
                // The client sees from their number where it ended.
                Err(_) => return self.done(tag, Reply::Walk { qids: Many(qids) }),
            }
        }
        self.fids.set(new_fid, Fid { node, uid, state: State::Closed });
        self.done(tag, Reply::Walk { qids: Many(qids) })
    }
}
