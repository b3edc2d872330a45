//! Locks between the processes of a client. They are not the host's: a client could hold those for good.

use lazaret_p9::{LockRange, Reply, Request, lock};
use rustix::io::{Errno, Result};

use super::connection::Session;

/// Most locks of a connection.
const MAX_LOCKS: usize = 4096;

/// Longest name of a client.
const CLIENT_MAX: usize = 255;

/// Who holds a lock: a process and the client that it is of.
#[derive(Clone, PartialEq, Eq)]
struct Owner {
    process: u32,
    client: Vec<u8>,
}

/// A lock of some bytes of a file.
#[derive(Clone)]
struct Held {
    file: (u64, u64),
    owner: Owner,
    is_exclusive: bool,
    start: u64,
    /// The byte after the last one.
    end: u64,
    /// The fid that it was taken by.
    fid: u32,
}

impl Held {
    /// Of the same file, and held by the same.
    fn is_of(&self, other: &Held) -> bool {
        self.file == other.file && self.owner == other.owner
    }
}

/// All locks of a connection.
#[derive(Default)]
pub struct Locks(Vec<Held>);

fn end_of(range: LockRange) -> Result<u64> {
    match range.length {
        0 => Ok(u64::MAX),
        length => range.start.checked_add(length).ok_or(Errno::OVERFLOW),
    }
}

impl Locks {
    /// A fid is no more, and with it the locks that were taken by it.
    pub fn release(&mut self, fid: u32) {
        self.0.retain(|held| held.fid != fid);
    }

    fn in_the_way(&self, wanted: &Held) -> Option<&Held> {
        self.0.iter().find(|held| {
            held.file == wanted.file
                && held.owner != wanted.owner
                && held.start < wanted.end
                && wanted.start < held.end
                && (held.is_exclusive || wanted.is_exclusive)
        })
    }

    /// Takes these bytes out of what their owner holds.
    fn cut(&mut self, wanted: &Held) {
        let mut rest = Vec::new();
        self.0.retain(|held| {
            let is_cut = held.is_of(wanted) && held.start < wanted.end && wanted.start < held.end;
            if is_cut {
                rest.push(Held { end: wanted.start, ..held.clone() });
                rest.push(Held { start: wanted.end, ..held.clone() });
            }
            !is_cut
        });
        self.0.extend(rest.into_iter().filter(|held| held.start < held.end));
    }

    fn set(&mut self, kind: u8, wanted: Held) -> Result<u8> {
        if kind != lock::UNLOCK && self.in_the_way(&wanted).is_some() {
            return Ok(lock::BLOCKED);
        }
        // Also what is given back may make two locks of one.
        let is_split = |held: &&Held| held.start < wanted.start && wanted.end < held.end && held.is_of(&wanted);
        let more = self.0.iter().filter(is_split).count() + usize::from(kind != lock::UNLOCK);
        if more > 0 && self.0.len() + more > MAX_LOCKS {
            return Err(Errno::NOLCK);
        }
        self.cut(&wanted);
        if kind != lock::UNLOCK {
            self.0.push(wanted);
        }
        Ok(lock::SUCCESS)
    }
}

impl Session<'_> {
    pub(super) fn lock(&mut self, tag: u16, request: &Request<'_>) -> Result<()> {
        let (fid, kind, range, client) = match *request {
            Request::Lock { fid, kind, range, client, .. } | Request::GetLock { fid, kind, range, client } => {
                (fid, kind, range, client)
            }
            _ => return Err(Errno::OPNOTSUPP),
        };
        if kind > lock::UNLOCK || client.len() > CLIENT_MAX {
            return Err(Errno::INVAL);
        }
        let wanted = Held {
            file: self.fids.get(fid)?.node.key,
            owner: Owner { process: range.process, client: client.into() },
            is_exclusive: kind == lock::WRITE,
            start: range.start,
            end: end_of(range)?,
            fid,
        };
        if matches!(request, Request::Lock { .. }) {
            let status = self.locks.set(kind, wanted)?;
            return self.done(tag, Reply::Lock { status });
        }
        let Some(held) = self.locks.in_the_way(&wanted).cloned() else {
            return self.done(tag, Reply::GetLock { kind: lock::UNLOCK, range, client });
        };
        let length = if held.end == u64::MAX { 0 } else { held.end - held.start };
        let kind = if held.is_exclusive { lock::WRITE } else { lock::READ };
        let range = LockRange { start: held.start, length, process: held.owner.process };
        self.done(tag, Reply::GetLock { kind, range, client: &held.owner.client })
    }
}
