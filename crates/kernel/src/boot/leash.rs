//! What somebody outside holds the other end of.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::{
    fs::stream::poller,
    sync::{Arc, Mutex},
    wait::{Events, WaitQueue, Wake},
};

/// Calls a function once the other end of a connection is closed, by the death of who held it for
/// instance; not any more after it is dropped.
pub struct Leash {
    held: Arc<Held>,
    /// Kept for the poller, which only knows it.
    _queue: Arc<WaitQueue>,
}

struct Held {
    connection: OwnedFd,
    let_go: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Leash {
    /// Watches a connected socket or a pipe. `let_go` is called by a thread that others need, so it must not
    /// wait for anything.
    ///
    /// # Errors
    /// Those of copying the descriptor.
    pub fn new(connection: BorrowedFd<'_>, let_go: impl FnOnce() + Send + 'static) -> std::io::Result<Leash> {
        let held =
            Arc::new(Held { connection: connection.try_clone_to_owned()?, let_go: Mutex::new(Some(Box::new(let_go))) });
        let queue = Arc::new(WaitQueue::new());
        queue.add(held.clone(), Events::all(), false);
        poller::watch(&held.connection, &queue);
        // It may have been closed before.
        held.wake(Events::HUP);
        Ok(Leash { held, _queue: queue })
    }
}

impl Wake for Held {
    fn wake(&self, _events: Events) -> bool {
        let mut fds = [PollFd::from_borrowed_fd(self.connection.as_fd(), PollFlags::empty())];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let is_closed = poll(&mut fds, Some(&now)).is_ok_and(|ready| ready > 0);
        let let_go = if is_closed { self.let_go.lock().take() } else { None };
        let_go.map(|let_go| let_go()).is_some()
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        poller::forget(&self.held.connection);
        // The poller may be at one last wake-up.
        self.held.let_go.lock().take();
    }
}

#[cfg(test)]
mod tests {
    use std::{io::pipe, os::fd::AsFd, sync::mpsc, time::Duration};

    use super::Leash;

    #[test]
    fn a_closed_end_is_told_once() {
        let (reader, writer) = pipe().unwrap();
        let (told, hears) = mpsc::channel();
        let leash = Leash::new(reader.as_fd(), move || told.send(()).unwrap()).unwrap();
        assert!(hears.recv_timeout(Duration::from_millis(20)).is_err());
        drop(writer);
        hears.recv_timeout(Duration::from_secs(5)).unwrap();
        drop(leash);
        assert!(hears.recv_timeout(Duration::from_secs(5)).is_err());
    }

    #[test]
    fn nobody_is_told_after_the_drop() {
        let (reader, writer) = pipe().unwrap();
        let (told, hears) = mpsc::channel();
        drop(Leash::new(reader.as_fd(), move || told.send(()).unwrap()).unwrap());
        drop(writer);
        assert!(hears.recv_timeout(Duration::from_secs(5)).is_err());
    }
}
