//! A queue of messages, and who is told that it is no longer empty.

use std::collections::{BTreeMap, VecDeque};

use lazaret_abi::{
    errno::Errno,
    mqueue::{COOKIE_SIZE, notify},
    signal::{SigInfo, Signal, code},
};

use crate::{
    net::netlink::Inbox,
    signal::send_to_process,
    sync::{Arc, Mutex, Weak},
    task::{Task, group::ThreadGroup},
    time::Deadline,
    wait::{Events, Interruptible, WaitQueue, wait_until},
};

/// How who asked is told of a message in an empty queue; `struct sigevent`.
pub enum How {
    /// SIGEV_NONE: not at all, but nobody else can ask.
    Nothing,
    /// SIGEV_SIGNAL with this value.
    Signal(Signal, u64),
    /// SIGEV_THREAD: the C library waits on a netlink socket for this cookie.
    Cookie(Inbox, Box<[u8; COOKIE_SIZE]>),
}

impl How {
    /// SIGEV_* and the signal.
    fn shown(&self) -> (i32, i32) {
        match self {
            How::Nothing => (1, 0),
            How::Signal(signal, _) => (0, signal.get()),
            How::Cookie(..) => (2, 0),
        }
    }

    fn send_cookie(self, reason: u8) {
        if let How::Cookie(inbox, mut cookie) = self {
            if let Some(last) = cookie.last_mut() {
                *last = reason;
            }
            inbox.push(cookie.to_vec());
        }
    }
}

/// Who asked to be told.
struct Registration {
    process: Weak<ThreadGroup>,
    how: How,
}

#[derive(Default)]
struct State {
    /// By priority, then by age.
    messages: BTreeMap<u32, VecDeque<Vec<u8>>>,
    count: usize,
    bytes: usize,
    /// Those who sleep until a message comes: they get it, so nobody is told of it.
    receivers: usize,
    registration: Option<Registration>,
}

impl State {
    fn take(&mut self) -> Option<(u32, Vec<u8>)> {
        let mut highest = self.messages.last_entry()?;
        let priority = *highest.key();
        let message = highest.get_mut().pop_front();
        if highest.get().is_empty() {
            highest.remove();
        }
        let message = message?;
        self.count -= 1;
        self.bytes -= message.len();
        Some((priority, message))
    }
}

/// A message queue.
pub struct Queue {
    /// Most messages.
    pub max_messages: usize,
    /// Most bytes of a message.
    pub message_size: usize,
    state: Mutex<State>,
    changed: Arc<WaitQueue>,
}

impl Queue {
    /// An empty queue.
    pub fn new(max_messages: usize, message_size: usize) -> Queue {
        Queue { max_messages, message_size, state: Mutex::default(), changed: Arc::new(WaitQueue::new()) }
    }

    /// Messages in the queue.
    pub fn count(&self) -> usize {
        self.state.lock().count
    }

    /// What wakes those who poll.
    pub fn changed(&self) -> &Arc<WaitQueue> {
        &self.changed
    }

    /// Readiness.
    pub fn events(&self) -> Events {
        let count = self.count();
        let mut events = Events::empty();
        events.set(Events::READABLE, count > 0);
        events.set(Events::WRITABLE, count < self.max_messages);
        events
    }

    /// mq_timedsend(2) by `sender`.
    ///
    /// # Errors
    /// `EAGAIN` without `wait`, `ETIMEDOUT`, `ERESTARTSYS`.
    pub fn send(
        &self,
        sender: &Arc<Task>,
        message: Vec<u8>,
        priority: u32,
        wait: bool,
        deadline: Option<Deadline>,
    ) -> Result<(), Errno> {
        let mut message = Some(message);
        let mut told = None;
        self.wait(Events::WRITABLE, wait, deadline, || {
            let mut state = self.state.lock();
            if state.count >= self.max_messages {
                return None;
            }
            let message = message.take()?;
            let was_empty = state.count == 0;
            state.count += 1;
            state.bytes += message.len();
            state.messages.entry(priority).or_default().push_back(message);
            if was_empty && state.receivers == 0 {
                told = state.registration.take();
            }
            Some(())
        })?;
        self.changed.wake_one(Events::READABLE);
        if let Some(registration) = told {
            tell(registration, sender);
        }
        Ok(())
    }

    /// mq_timedreceive(2): the priority and the message.
    ///
    /// # Errors
    /// `EAGAIN` without `wait`, `ETIMEDOUT`, `ERESTARTSYS`.
    pub fn receive(&self, wait: bool, deadline: Option<Deadline>) -> Result<(u32, Vec<u8>), Errno> {
        let mut waits = false;
        let taken = self.wait(Events::READABLE, wait, deadline, || {
            let mut state = self.state.lock();
            let taken = state.take();
            // From the first look on until the message, or the end of the wait.
            if taken.is_none() && !waits {
                state.receivers += 1;
                waits = true;
            }
            taken
        });
        if waits {
            self.state.lock().receivers -= 1;
        }
        let taken = taken?;
        self.changed.wake_one(Events::WRITABLE);
        Ok(taken)
    }

    fn wait<T>(
        &self,
        events: Events,
        wait: bool,
        deadline: Option<Deadline>,
        mut attempt: impl FnMut() -> Option<T>,
    ) -> Result<T, Errno> {
        if !wait {
            return attempt().ok_or(Errno::EAGAIN);
        }
        wait_until(&[(&self.changed, events)], deadline, Interruptible::Signals, attempt)
    }

    /// mq_notify(2): the next message in an empty queue is told to `process`.
    ///
    /// # Errors
    /// `EBUSY` when another has asked already.
    pub fn ask(&self, process: &Arc<ThreadGroup>, how: How) -> Result<(), Errno> {
        let mut state = self.state.lock();
        if state.registration.as_ref().is_some_and(|other| other.process.strong_count() > 0) {
            return Err(Errno::EBUSY);
        }
        state.registration = Some(Registration { process: Arc::downgrade(process), how });
        Ok(())
    }

    /// Takes it back, if it was `process` that asked.
    pub fn ask_no_more(&self, process: &Arc<ThreadGroup>) {
        let mut state = self.state.lock();
        if state.registration.as_ref().is_some_and(|other| std::ptr::eq(other.process.as_ptr(), Arc::as_ptr(process))) {
            let registration = state.registration.take();
            drop(state);
            if let Some(registration) = registration {
                registration.how.send_cookie(notify::REMOVED);
            }
        }
    }

    /// What reading the queue's file shows to `reader`.
    pub fn show(&self, reader: &ThreadGroup) -> String {
        let state = self.state.lock();
        let (mut notify, mut signal, mut pid) = (0, 0, 0);
        if let Some(registration) = &state.registration
            && let Some(process) = registration.process.upgrade()
        {
            (notify, signal) = registration.how.shown();
            pid = process.pid().number_in(reader.namespace());
        }
        format!("QSIZE:{:<10} NOTIFY:{notify:<5} SIGNO:{signal:<5} NOTIFY_PID:{pid:<6}\n", state.bytes)
    }
}

/// Tells of a message that `sender` has sent.
fn tell(registration: Registration, sender: &Arc<Task>) {
    let Registration { process, how } = registration;
    match how {
        How::Nothing => {}
        How::Signal(signal, value) => {
            if let Some(process) = process.upgrade() {
                let pid = sender.group().pid().number_in(process.namespace());
                let info = SigInfo::queued(signal, code::MESGQ, pid, sender.creds().uid, value);
                // At worst a real-time signal is lost, as on Linux.
                let _ = send_to_process(&process, signal, info, false);
            }
        }
        How::Cookie(..) => how.send_cookie(notify::WOKENUP),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_priority_comes_first_and_the_oldest_of_equals() {
        let mut state = State::default();
        for (priority, text) in [(1, "a"), (9, "b"), (1, "c"), (9, "d")] {
            state.count += 1;
            state.bytes += 1;
            state.messages.entry(priority).or_default().push_back(text.into());
        }
        let taken: Vec<u8> = std::iter::from_fn(|| state.take()).flat_map(|(_, text)| text).collect();
        assert_eq!(taken, b"bdac");
        assert_eq!((state.count, state.bytes, state.messages.len()), (0, 0, 0));
    }
}
