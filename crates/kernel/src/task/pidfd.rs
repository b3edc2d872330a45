//! Pidfds: descriptors that stand for processes; see pidfd_open(2).

use lazaret_abi::errno::Errno;
use lazaret_snapshot::Snapshot;

use super::{Task, group::ThreadGroup};
use crate::{
    fs::{
        anon::anonymous_file,
        file::{File, FileOps, flags},
    },
    sync::{Arc, Ordering},
    wait::{Events, Poller},
};

/// A descriptor of a process, or of one thread of it (PIDFD_THREAD).
#[derive(Snapshot)]
pub struct PidFd {
    process: Arc<ThreadGroup>,
    thread: Option<Arc<Task>>,
}

/// A file that stands for a process, or for a thread of it. `flags` are those of open(2).
pub fn open(process: &Arc<ThreadGroup>, thread: Option<Arc<Task>>, open_flags: u32) -> Arc<File> {
    let ops = PidFd { process: process.clone(), thread };
    anonymous_file("[pidfd]", Box::new(ops), open_flags | flags::RDWR)
}

impl PidFd {
    /// The pidfd that a file is.
    ///
    /// # Errors
    /// `EBADF` for another file.
    pub fn of(file: &File) -> Result<&PidFd, Errno> {
        file.ops().downcast_ref().ok_or(Errno::EBADF)
    }

    /// The process.
    pub fn process(&self) -> &Arc<ThreadGroup> {
        &self.process
    }

    /// The thread, if it stands for one alone.
    pub fn thread(&self) -> Option<&Arc<Task>> {
        self.thread.as_ref()
    }

    fn has_ended(&self) -> bool {
        match &self.thread {
            None => self.process.ended_with.get().is_some(),
            Some(thread) => !self.process.threads().iter().any(|other| Arc::ptr_eq(other, thread)),
        }
    }
}

impl FileOps for PidFd {
    fn is_seekable(&self) -> bool {
        false
    }

    fn poll(&self, _file: &File, poller: Option<&mut Poller>) -> Events {
        if let Some(poller) = poller {
            poller.register(&self.process.ended, Events::READABLE);
        }
        let reaped = self.process.is_reaped.load(Ordering::Relaxed);
        match (self.has_ended(), reaped) {
            (false, _) => Events::empty(),
            (true, false) => Events::READABLE,
            (true, true) => Events::READABLE | Events::HUP,
        }
    }

    fn can_poll(&self) -> bool {
        true
    }
}
