//! Open files.

use std::{os::fd::OwnedFd, rc::Rc};

use lazaret_p9::{Data, Reply, Request, open};
use rustix::{
    fs::{FileType, OFlags, fdatasync, fsync},
    io::{Errno, Result, pread, pwrite},
};

use super::{
    connection::Session,
    directory,
    fid::State,
    node::{qid_of, stat},
};

/// Flags of an open that mean something to us.
const FLAGS: u32 = open::ACCESS | open::TRUNCATE | open::APPEND | open::DATA_SYNC | open::SYNC | open::DIRECTORY;

/// The host's flags for those of a client.
pub(super) fn host_flags(flags: u32) -> OFlags {
    OFlags::from_bits_retain(flags & FLAGS)
}

impl Session<'_> {
    pub(super) fn io(&mut self, tag: u16, request: &Request<'_>) -> Result<()> {
        match *request {
            Request::Lopen { fid, flags } => self.open(tag, fid, flags),
            Request::Read { fid, offset, count } => self.read(tag, fid, offset, count),
            Request::Write { fid, offset, data } => {
                let count = self.write(fid, offset, data.0)?;
                self.done(tag, Reply::Write { count })
            }
            Request::Fsync { fid, data_only } => {
                match &self.fids.get(fid)?.state {
                    State::File(file) if data_only != 0 => fdatasync(&**file),
                    State::File(file) => fsync(&**file),
                    State::Directory { file, .. } => fsync(file),
                    _ => Err(Errno::BADF),
                }?;
                self.done(tag, Reply::Fsync {})
            }
            Request::ReadDirectory { fid, offset, count } => {
                let count = usize::try_from(count.min(self.unit())).unwrap_or(0);
                let fid = self.fids.get_mut(fid)?;
                let State::Directory { file, position } = &mut fid.state else { return Err(Errno::BADF) };
                let entries = directory::read(file, position, offset, count)?;
                self.done(tag, Reply::ReadDirectory { data: Data(&entries) })
            }
            _ => Err(Errno::OPNOTSUPP),
        }
    }

    fn open(&mut self, tag: u16, number: u32, flags: u32) -> Result<()> {
        let unit = self.unit();
        let fid = self.fids.get_mut(number)?;
        if !matches!(fid.state, State::Closed) {
            return Err(Errno::BUSY);
        }
        let file = fid.node.open(host_flags(flags))?;
        let qid = qid_of(&stat(&file, c"")?);
        if fid.node.kind == FileType::Directory {
            fid.state = State::Directory { file, position: 0 };
            return self.done(tag, Reply::Lopen { qid, unit });
        }
        let file = Rc::new(file);
        fid.state = State::File(file.clone());
        self.reply(tag, &Reply::Lopen { qid, unit });
        self.opened(&file);
        Ok(())
    }

    /// A regular file was opened: with our additions the client gets it.
    pub(super) fn opened(&mut self, file: &Rc<OwnedFd>) {
        if self.extended {
            self.hand_over(file);
        }
    }

    fn read(&mut self, tag: u16, fid: u32, offset: u64, count: u32) -> Result<()> {
        let count = usize::try_from(count.min(self.unit())).unwrap_or(0);
        let data = match &self.fids.get(fid)?.state {
            State::File(file) => {
                let mut data = vec![0; count];
                let done = retry(|| pread(&**file, &mut data[..], offset))?;
                data.truncate(done);
                data
            }
            State::Value(value) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(value.len());
                let end = start.saturating_add(count).min(value.len());
                value[start..end].to_vec()
            }
            State::Directory { .. } => return Err(Errno::ISDIR),
            State::Closed | State::NewValue(_) | State::Socket(_) => return Err(Errno::BADF),
        };
        self.done(tag, Reply::Read { data: Data(&data) })
    }

    fn write(&mut self, fid: u32, offset: u64, data: &[u8]) -> Result<u32> {
        let count = match &mut self.fids.get_mut(fid)?.state {
            State::File(file) => retry(|| pwrite(&**file, data, offset))?,
            State::NewValue(new) => new.write(offset, data)?,
            _ => return Err(Errno::BADF),
        };
        u32::try_from(count).map_err(|_| Errno::INVAL)
    }

    /// Ends a fid; an attribute that was written is set.
    pub(super) fn close(&mut self, number: u32) -> Result<()> {
        let fid = self.fids.remove(number)?;
        match fid.state {
            State::NewValue(new) => new.set(&fid.node, self.extended),
            _ => Ok(()),
        }
    }
}

/// Repeats a call that a signal has cut short.
fn retry<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}
