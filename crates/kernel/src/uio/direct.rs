//! Large reads of host files.

use std::os::fd::OwnedFd;

use lazaret_abi::errno::Errno;
use lazaret_platform::Context;

use super::{Sink, UserBuffers};
use crate::{mm::host_errno, sync::Arc};

/// A shorter read is faster through a buffer: it takes one hand-over, not two.
const MIN: usize = 16 << 10;
/// Only who has read so far in a file reads enough of it to make up for handing it over.
const FROM: u64 = 128 << 10;

/// One buffer of the calling thread, into which the platform may read a host file by itself.
pub struct Direct<'a> {
    context: &'a mut dyn Context,
    buffers: UserBuffers,
}

impl<'a> Direct<'a> {
    /// `buffers` are in the memory of `context`.
    pub fn new(context: &'a mut dyn Context, buffers: UserBuffers) -> Direct<'a> {
        Direct { context, buffers }
    }
}

impl Sink for Direct<'_> {
    fn remaining(&self) -> usize {
        self.buffers.remaining()
    }

    fn put(&mut self, data: &[u8]) -> Result<usize, Errno> {
        self.buffers.put(data)
    }

    fn put_from_file(&mut self, fd: &Arc<OwnedFd>, offset: u64, count: usize) -> Result<usize, Errno> {
        if let [slice] = self.buffers.slices[..]
            && slice.length == count
            && count >= MIN
            && offset >= FROM
            && let Some(done) = self.context.read_file(fd, offset, slice.address, count).map_err(host_errno)?
        {
            self.buffers.skip(done);
            return Ok(done);
        }
        self.buffers.put_from_file(fd, offset, count)
    }
}
