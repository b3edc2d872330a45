//! One host thread that learns from the host when files become ready, and wakes who waits for them.

use std::{
    collections::HashMap,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    sync::LazyLock,
    thread,
};

use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};

use crate::{
    sync::{Arc, Mutex, Weak},
    wait::{Events, WaitQueue},
};

struct HostPoller {
    epoll: OwnedFd,
    queues: Mutex<HashMap<u64, Weak<WaitQueue>>>,
}

/// Absent when the host has no epoll instance or thread left: files then count as ready.
static POLLER: LazyLock<Option<Arc<HostPoller>>> = LazyLock::new(|| {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).ok()?;
    let poller = Arc::new(HostPoller { epoll, queues: Mutex::default() });
    let runner = poller.clone();
    thread::Builder::new().name("host-poll".into()).spawn(move || runner.run()).ok()?;
    Some(poller)
});

fn key(fd: &OwnedFd) -> u64 {
    u64::from(fd.as_raw_fd().unsigned_abs())
}

/// Wakes `queue` whenever `fd` becomes ready for something. False for files that are always ready.
pub fn watch(fd: &OwnedFd, queue: &Arc<WaitQueue>) -> bool {
    let Some(poller) = &*POLLER else { return false };
    poller.queues.lock().insert(key(fd), Arc::downgrade(queue));
    // Edges are enough: who waits looks at the state after it has begun to wait.
    let interest = epoll::EventFlags::IN
        | epoll::EventFlags::OUT
        | epoll::EventFlags::PRI
        | epoll::EventFlags::RDHUP
        | epoll::EventFlags::ET;
    let added = epoll::add(&poller.epoll, fd.as_fd(), epoll::EventData::new_u64(key(fd)), interest);
    if added.is_err() {
        poller.queues.lock().remove(&key(fd));
    }
    added.is_ok()
}

/// Stops watching; called before the descriptor is closed.
pub fn forget(fd: &OwnedFd) {
    if let Some(poller) = &*POLLER {
        poller.queues.lock().remove(&key(fd));
        // Fails only if it is not watched.
        let _ = epoll::delete(&poller.epoll, fd.as_fd());
    }
}

/// What `fd` is ready for now.
pub fn ready(fd: &OwnedFd) -> Events {
    let mut fds = [PollFd::new(fd, PollFlags::all())];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut fds, Some(&at_once)) {
        Ok(_) => Events::from_bits_truncate(u32::from(fds[0].revents().bits())),
        Err(_) => Events::empty(),
    }
}

impl HostPoller {
    fn run(&self) {
        let mut events = Vec::with_capacity(16);
        loop {
            events.clear();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
            for event in &events {
                let queue = self.queues.lock().get(&event.data.u64()).and_then(Weak::upgrade);
                if let Some(queue) = queue {
                    // Copied out of a packed structure.
                    let flags = event.flags;
                    queue.wake(Events::from_bits_truncate(flags.bits()) | Events::ERR);
                }
            }
        }
    }
}
