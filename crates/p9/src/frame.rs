//! Messages on a stream socket, and the descriptors beside them.

use std::{
    collections::VecDeque,
    io::{IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{BorrowedFd, OwnedFd},
};

use rustix::{
    io::{Errno, Result},
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
        recvmsg, sendmsg,
    },
};

use crate::Malformed;

/// Bytes before a message's fields: size, number and tag.
pub const HEADER: usize = 7;

/// Most descriptors that go with one call, on either side.
const MAX_FILES: usize = 64;

/// Bytes that are asked for at once.
const PIECE: usize = 8 * 1024;

/// A message as it came.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Which message it is.
    pub number: u8,
    /// What a reply has in common with its request.
    pub tag: u16,
    /// The fields.
    pub body: &'a [u8],
}

/// What has come over a connection, and was not used yet.
#[derive(Debug)]
pub struct Incoming {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    max_message: usize,
    takes_files: bool,
    files: VecDeque<OwnedFd>,
}

impl Incoming {
    /// For messages of at most `max_message` bytes. Descriptors are not even received unless `takes_files`.
    pub fn new(max_message: u32, takes_files: bool) -> Incoming {
        let max_message = usize::try_from(max_message).unwrap_or(usize::MAX);
        Incoming { buffer: Vec::new(), start: 0, end: 0, max_message, takes_files, files: VecDeque::new() }
    }

    /// The size of the message that begins the buffer.
    fn size(&self) -> std::result::Result<Option<usize>, Malformed> {
        let Some(size) = self.buffer[self.start..self.end].first_chunk() else { return Ok(None) };
        let size = usize::try_from(u32::from_le_bytes(*size)).map_err(|_| Malformed)?;
        if size < HEADER || size > self.max_message { Err(Malformed) } else { Ok(Some(size)) }
    }

    /// Takes the next message if it is there as a whole.
    ///
    /// # Errors
    /// [`Malformed`] if its size is out of bounds: then nothing that follows can be told apart.
    pub fn next_frame(&mut self) -> std::result::Result<Option<Frame<'_>>, Malformed> {
        let Some(size) = self.size()?.filter(|size| self.end - self.start >= *size) else { return Ok(None) };
        let message = &self.buffer[self.start..self.start + size];
        self.start += size;
        match message {
            [_, _, _, _, number, low, high, body @ ..] => {
                Ok(Some(Frame { number: *number, tag: u16::from_le_bytes([*low, *high]), body }))
            }
            _ => Err(Malformed),
        }
    }

    /// The descriptor that came first among those that were not taken.
    pub fn next_file(&mut self) -> Option<OwnedFd> {
        self.files.pop_front()
    }

    /// How many descriptors were not taken.
    pub fn files(&self) -> usize {
        self.files.len()
    }

    /// Waits for more bytes; false at the end of the connection.
    ///
    /// # Errors
    /// Those of recvmsg(2).
    pub fn receive(&mut self, socket: BorrowedFd<'_>) -> Result<bool> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        // A size that is out of bounds was reported already.
        let wanted = self.size().ok().flatten().unwrap_or(0).max(PIECE);
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FILES))];
        let mut ancillary = RecvAncillaryBuffer::new(if self.takes_files { &mut space } else { &mut [] });
        let received = loop {
            let mut room = [IoSliceMut::new(&mut self.buffer[self.end..])];
            match recvmsg(socket, &mut room, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
                Err(Errno::INTR) => {}
                Err(Errno::CONNRESET) => return Ok(false),
                result => break result?,
            }
        };
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(files) = message {
                self.files.extend(files);
            }
        }
        self.end += received.bytes;
        Ok(received.bytes > 0)
    }
}

/// Sends whole messages, and descriptors with the first of these bytes.
///
/// # Errors
/// Those of sendmsg(2); `EMSGSIZE` for too many descriptors.
pub fn send(socket: BorrowedFd<'_>, mut bytes: &[u8], mut files: &[BorrowedFd<'_>]) -> Result<()> {
    while !bytes.is_empty() {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FILES))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !files.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(files)) {
            return Err(Errno::MSGSIZE);
        }
        match sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL) {
            Err(Errno::INTR) => {}
            result => {
                bytes = &bytes[result?.min(bytes.len())..];
                files = &[];
            }
        }
    }
    Ok(())
}
