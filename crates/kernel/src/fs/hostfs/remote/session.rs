//! A connection to a server, used by all threads.
//!
//! A thread sends its requests together and waits for their replies. One of those that wait reads from the socket, and
//! hands to the others what is theirs; so a thread that is alone makes two host calls and sleeps once.

use std::{
    collections::HashMap,
    os::fd::{AsFd, OwnedFd},
};

use lazaret_abi::errno::Errno;
use lazaret_p9::{EXTENDED, Incoming, MAX_MESSAGE, MIN_MESSAGE, NO_FID, NO_TAG, OVERHEAD, Reply, Request, qid};

use super::{super::HostSockets, Fid};
use crate::sync::{Arc, Condvar, Mutex, MutexGuard};

/// Number of the reply that tells an error.
const ERROR: u8 = 7;
/// Numbers of the replies that bring a descriptor if they tell of a regular file.
const OPENED: [u8; 2] = [13, 15];
/// Numbers of the replies that bring a socket.
const SOCKETS: [u8; 2] = [247, 249];

/// Replies that nobody waits for, before somebody does.
const MAX_UNANSWERED: usize = 32;

/// Descriptors that a server may send ahead of the replies that they belong to.
const MAX_FILES: usize = 64;

/// A connection.
pub struct Session {
    socket: OwnedFd,
    /// Most data of a message.
    unit: u32,
    /// Messages are sent as a whole.
    sending: Mutex<Vec<u8>>,
    /// Used by the thread that reads.
    incoming: Mutex<Incoming>,
    state: Mutex<State>,
    changed: Condvar,
    lost: Box<dyn Fn() + Send + Sync>,
    is_read_only: bool,
    sockets: HostSockets,
}

struct State {
    slots: HashMap<u16, Slot>,
    tags: Numbers,
    fids: Numbers,
    is_reading: bool,
    is_lost: bool,
    /// Requests whose replies nobody waits for.
    unanswered: usize,
}

/// Numbers that are free.
#[derive(Default)]
struct Numbers {
    free: Vec<u32>,
    next: u32,
}

impl Numbers {
    fn take(&mut self, bound: u32) -> Option<u32> {
        self.free.pop().or_else(|| {
            let number = self.next;
            (number < bound).then(|| {
                self.next += 1;
                number
            })
        })
    }
}

enum Slot {
    Waiting,
    Arrived(Message),
    Unwanted,
}

/// A reply as it came.
pub struct Message {
    number: u8,
    body: Vec<u8>,
    file: Option<OwnedFd>,
}

impl Message {
    /// What it says.
    ///
    /// # Errors
    /// What it says, if that is an error; `EIO` for nonsense.
    pub fn reply(&self) -> Result<Reply<'_>, Errno> {
        match Reply::decode(self.number, &self.body) {
            Ok(Reply::Error { errno }) => {
                let errno = i32::try_from(errno).ok().filter(|errno| (1..4096).contains(errno));
                Err(errno.map_or(Errno::EIO, Errno::from_raw))
            }
            Ok(reply) => Ok(reply),
            Err(_) => Err(Errno::EIO),
        }
    }

    /// The descriptor that came with it.
    ///
    /// # Errors
    /// `EIO` if there is none.
    pub fn file(&mut self) -> Result<OwnedFd, Errno> {
        self.file.take().ok_or(Errno::EIO)
    }
}

impl Session {
    /// Agrees with the server on the protocol; returns the fid of the root. `is_read_only` says that nobody will want to
    /// write, `sockets` what the server does with sockets. `lost` is called when it turns out that the server is gone.
    ///
    /// # Errors
    /// `EPROTONOSUPPORT` if the server does not know our additions; `EIO`.
    pub fn connect(
        socket: OwnedFd,
        (is_read_only, sockets): (bool, HostSockets),
        lost: Box<dyn Fn() + Send + Sync>,
    ) -> Result<Fid, Errno> {
        let mut session = Session {
            socket,
            unit: 0,
            sending: Mutex::default(),
            incoming: Mutex::new(Incoming::new(MAX_MESSAGE, true)),
            state: Mutex::new(State {
                slots: HashMap::new(),
                tags: Numbers::default(),
                fids: Numbers::default(),
                is_reading: false,
                is_lost: false,
                unanswered: 0,
            }),
            changed: Condvar::new(),
            lost,
            is_read_only,
            sockets,
        };
        session.agree()?;
        let root = Fid::new(&Arc::new(session))?;
        let attach = Request::Attach { fid: root.number(), auth: NO_FID, user: b"", tree: b"", uid: u32::MAX };
        root.session().call(&[attach])?;
        Ok(root)
    }

    fn agree(&mut self) -> Result<(), Errno> {
        let version = Request::Version { max_message: MAX_MESSAGE, version: EXTENDED };
        self.state.get_mut().slots.insert(NO_TAG, Slot::Waiting);
        self.send(&[(NO_TAG, &version)])?;
        let replies = self.wait(&[NO_TAG])?;
        match replies.first().ok_or(Errno::EIO)?.reply()? {
            Reply::Version { version: EXTENDED, max_message: max @ MIN_MESSAGE..=MAX_MESSAGE } => {
                self.unit = max - OVERHEAD;
                Ok(())
            }
            Reply::Version { .. } => Err(Errno::EPROTONOSUPPORT),
            _ => Err(Errno::EIO),
        }
    }

    /// Nobody will want to write.
    pub fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// What the server does with sockets.
    pub fn sockets(&self) -> HostSockets {
        self.sockets
    }

    /// Most data of a message.
    pub fn unit(&self) -> u32 {
        self.unit
    }

    /// A number for a new fid.
    ///
    /// # Errors
    /// `ENFILE`.
    pub fn take_fid(&self) -> Result<u32, Errno> {
        self.state.lock().fids.take(NO_FID).ok_or(Errno::ENFILE)
    }

    /// A number that the server has forgotten.
    pub fn give_fid(&self, number: u32) {
        self.state.lock().fids.free.push(number);
    }

    /// Makes requests, which the server works off in their order; their replies, if all but those to `Clunk` at
    /// the end are good.
    ///
    /// # Errors
    /// The first error; `EIO` if the server is gone.
    pub fn call(&self, requests: &[Request<'_>]) -> Result<Vec<Message>, Errno> {
        let tags = self.take_tags(requests.len())?;
        let tagged: Vec<_> = tags.iter().copied().zip(requests).collect();
        let replies = self.send(&tagged).and_then(|()| self.wait(&tags))?;
        let last = requests.iter().rposition(|request| !matches!(request, Request::Clunk { .. })).unwrap_or(0);
        if let Some(failed) = replies.iter().take(last + 1).find(|message| message.number == ERROR) {
            failed.reply()?;
        }
        Ok(replies)
    }

    /// Ends a fid, without waiting for the answer unless that is asked for, or there are many already.
    pub fn forget(&self, fid: u32, is_awaited: bool) {
        let clunk = Request::Clunk { fid };
        let tag = {
            let mut state = self.state.lock();
            if state.is_lost {
                return;
            }
            if state.unanswered < MAX_UNANSWERED && !is_awaited { self.take_unwanted(&mut state) } else { None }
        };
        match tag {
            // Whoever finds out that the server is gone says so.
            Some(tag) => drop(self.send(&[(tag, &clunk)])),
            // This one reads the replies to those before as well.
            None => drop(self.call(&[clunk])),
        }
        // The server works off requests in their order: the number means nothing to those that follow.
        self.give_fid(fid);
    }

    fn take_unwanted(&self, state: &mut State) -> Option<u16> {
        let tag = u16::try_from(state.tags.take(u32::from(NO_TAG))?).ok()?;
        state.slots.insert(tag, Slot::Unwanted);
        state.unanswered += 1;
        Some(tag)
    }

    fn take_tags(&self, count: usize) -> Result<Vec<u16>, Errno> {
        let mut state = self.state.lock();
        if state.is_lost {
            return Err(Errno::EIO);
        }
        let mut tags = Vec::with_capacity(count);
        for _ in 0..count {
            let tag = state.tags.take(u32::from(NO_TAG)).and_then(|tag| u16::try_from(tag).ok());
            tags.push(tag.ok_or(Errno::EAGAIN)?);
        }
        for tag in &tags {
            state.slots.insert(*tag, Slot::Waiting);
        }
        Ok(tags)
    }

    fn send(&self, requests: &[(u16, &Request<'_>)]) -> Result<(), Errno> {
        let mut bytes = self.sending.lock();
        bytes.clear();
        for (tag, request) in requests {
            request.encode(*tag, &mut bytes);
        }
        let sent = lazaret_p9::send(self.socket.as_fd(), &bytes, &[]);
        drop(bytes);
        sent.map_err(|_| self.lose())
    }

    /// Waits for the replies to requests that were sent.
    fn wait(&self, tags: &[u16]) -> Result<Vec<Message>, Errno> {
        let mut state = self.state.lock();
        loop {
            let has_arrived = |tag| matches!(state.slots.get(tag), Some(Slot::Arrived(_)));
            if tags.iter().all(has_arrived) {
                break;
            }
            if state.is_lost {
                return Err(Errno::EIO);
            }
            if state.is_reading {
                self.changed.wait(&mut state);
                continue;
            }
            state.is_reading = true;
            let read = MutexGuard::unlocked(&mut state, || self.read());
            state.is_reading = false;
            self.changed.notify_all();
            if read.is_err() {
                return MutexGuard::unlocked(&mut state, || Err(self.lose()));
            }
        }
        let mut replies = Vec::with_capacity(tags.len());
        for tag in tags {
            if let Some(Slot::Arrived(message)) = state.slots.remove(tag) {
                replies.push(message);
            }
            if *tag != NO_TAG {
                state.tags.free.push((*tag).into());
            }
        }
        Ok(replies)
    }

    /// Reads once from the socket, and puts into their places what came.
    fn read(&self) -> Result<(), Errno> {
        let mut incoming = self.incoming.lock();
        match incoming.receive(self.socket.as_fd()) {
            Ok(true) => {}
            _ => return Err(Errno::EIO),
        }
        while let Some(frame) = incoming.next_frame().map_err(|_| Errno::EIO)? {
            let (number, tag) = (frame.number, frame.tag);
            let mut message = Message { number, body: frame.body.to_vec(), file: None };
            let is_file = OPENED.contains(&number) && message.body.first().is_some_and(|kind| *kind == qid::FILE);
            if is_file || SOCKETS.contains(&number) {
                message.file = incoming.next_file();
            }
            let mut state = self.state.lock();
            match state.slots.get_mut(&tag) {
                Some(slot @ Slot::Waiting) => *slot = Slot::Arrived(message),
                Some(Slot::Unwanted) => {
                    state.slots.remove(&tag);
                    state.tags.free.push(tag.into());
                    state.unanswered -= 1;
                }
                // An answer to what nobody has asked.
                Some(Slot::Arrived(_)) | None => return Err(Errno::EIO),
            }
        }
        if incoming.files() > MAX_FILES { Err(Errno::EIO) } else { Ok(()) }
    }

    /// The server is gone, or speaks nonsense: nothing more is to be had from it.
    fn lose(&self) -> Errno {
        let was_lost = std::mem::replace(&mut self.state.lock().is_lost, true);
        if !was_lost {
            // It hears that it is not wanted any more, and who reads from it is woken.
            let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
            (self.lost)();
        }
        self.changed.notify_all();
        Errno::EIO
    }
}
