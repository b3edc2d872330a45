//! Message queues; see msgop(2).

use std::collections::VecDeque;

use lazaret_abi::{errno::Errno, ipc::MsqIdDs};

use super::{permission::Permission, table::Keyed};
use crate::{
    fs::inode::Timestamp,
    sync::{Mutex, MutexGuard},
    wait::{Events, Interruptible, WaitQueue, wait_until},
};

/// Longest message (MSGMAX).
pub const MESSAGE_MAX: usize = 8192;
/// Bytes that a new queue takes (MSGMNB).
pub const QUEUE_BYTES: u64 = 16_384;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its type, greater than 0.
    pub kind: i64,
    /// Its text.
    pub text: Vec<u8>,
}

/// Which message msgrcv(2) takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The oldest.
    Any,
    /// The oldest of this type.
    Kind(i64),
    /// The oldest of another type (MSG_EXCEPT).
    Except(i64),
    /// The oldest of the lowest type up to this.
    UpTo(i64),
}

/// What the lock of a queue guards.
pub struct State {
    /// Owner and mode.
    pub permission: Permission,
    messages: VecDeque<Message>,
    bytes: u64,
    bytes_max: u64,
    send_time: i64,
    receive_time: i64,
    change_time: i64,
    sender: i32,
    receiver: i32,
    removed: bool,
}

/// A queue of messages. Processes are named by their number in the root namespace.
pub struct MessageQueue {
    key: i32,
    state: Mutex<State>,
    /// A message has come.
    filled: WaitQueue,
    /// There is room again.
    drained: WaitQueue,
}

impl Keyed for MessageQueue {
    fn key(&self) -> i32 {
        self.key
    }
}

impl State {
    /// The position of the message to take.
    fn find(&self, wanted: Wanted) -> Option<usize> {
        let mut kinds = self.messages.iter().map(|message| message.kind);
        match wanted {
            Wanted::Any => (!self.messages.is_empty()).then_some(0),
            Wanted::Kind(kind) => kinds.position(|other| other == kind),
            Wanted::Except(kind) => kinds.position(|other| other != kind),
            Wanted::UpTo(limit) => {
                // The first of equals is the oldest.
                kinds.enumerate().filter(|(_, kind)| *kind <= limit).min_by_key(|(_, kind)| *kind).map(|(at, _)| at)
            }
        }
    }

    /// IPC_SET; `privileged` is CAP_SYS_RESOURCE.
    ///
    /// # Errors
    /// `EPERM` for a size beyond the usual one, `EINVAL`.
    pub fn set(&mut self, new: &MsqIdDs, privileged: bool) -> Result<(), Errno> {
        if new.bytes_max > QUEUE_BYTES && !privileged {
            return Err(Errno::EPERM);
        }
        self.permission.set(&new.perm)?;
        self.bytes_max = new.bytes_max;
        self.change_time = Timestamp::now().seconds;
        Ok(())
    }

    /// IPC_STAT. `number` turns process ids into those of who asks.
    pub fn show(&self, number: impl Fn(i32) -> i32) -> MsqIdDs {
        MsqIdDs {
            perm: self.permission.show(),
            send_time: self.send_time,
            receive_time: self.receive_time,
            change_time: self.change_time,
            bytes: self.bytes,
            messages: self.messages.len() as u64,
            bytes_max: self.bytes_max,
            send_pid: number(self.sender),
            receive_pid: number(self.receiver),
            ..MsqIdDs::default()
        }
    }
}

impl MessageQueue {
    /// An empty queue.
    pub fn new(permission: Permission) -> MessageQueue {
        let state = State {
            permission,
            messages: VecDeque::new(),
            bytes: 0,
            bytes_max: QUEUE_BYTES,
            send_time: 0,
            receive_time: 0,
            change_time: Timestamp::now().seconds,
            sender: 0,
            receiver: 0,
            removed: false,
        };
        let (filled, drained) = (WaitQueue::new(), WaitQueue::new());
        MessageQueue { key: permission.key, state: Mutex::new(state), filled, drained }
    }

    /// The state, locked.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// The size of the queue has changed (IPC_SET).
    pub fn resized(&self) {
        self.drained.wake_all();
    }

    /// IPC_RMID: who waits gets `EIDRM`.
    pub fn remove(&self) {
        self.state.lock().removed = true;
        self.filled.wake_all();
        self.drained.wake_all();
    }

    /// msgsnd(2) by the process `pid`.
    ///
    /// # Errors
    /// `EAGAIN` without `wait`, `EIDRM`, `EINTR`.
    pub fn send(&self, message: Message, wait: bool, pid: i32) -> Result<(), Errno> {
        let mut message = Some(message);
        let result = wait_until(&[(&self.drained, Events::all())], None, Interruptible::Signals, || {
            let mut state = self.state.lock();
            if state.removed {
                return Some(Err(Errno::EIDRM));
            }
            let length = message.as_ref().map_or(0, |message| message.text.len() as u64);
            let fits = state.bytes.saturating_add(length) <= state.bytes_max
                && (state.messages.len() as u64) < state.bytes_max;
            if !fits {
                return (!wait).then_some(Err(Errno::EAGAIN));
            }
            state.bytes += length;
            state.messages.extend(message.take());
            state.send_time = Timestamp::now().seconds;
            state.sender = pid;
            Some(Ok(()))
        });
        finish(result)?;
        self.filled.wake_all();
        Ok(())
    }

    /// msgrcv(2) by the process `pid`. A message longer than `limit` is cut if `cut` says so.
    ///
    /// # Errors
    /// `ENOMSG` without `wait`, `E2BIG` for one that is too long, `EIDRM`, `EINTR`.
    pub fn receive(&self, wanted: Wanted, limit: usize, cut: bool, wait: bool, pid: i32) -> Result<Message, Errno> {
        let result = wait_until(&[(&self.filled, Events::all())], None, Interruptible::Signals, || {
            let mut state = self.state.lock();
            if state.removed {
                return Some(Err(Errno::EIDRM));
            }
            let Some(at) = state.find(wanted) else { return (!wait).then_some(Err(Errno::ENOMSG)) };
            if !cut && state.messages.get(at).is_some_and(|message| message.text.len() > limit) {
                return Some(Err(Errno::E2BIG));
            }
            let mut message = state.messages.remove(at)?;
            state.bytes = state.bytes.saturating_sub(message.text.len() as u64);
            state.receive_time = Timestamp::now().seconds;
            state.receiver = pid;
            message.text.truncate(limit);
            Some(Ok(message))
        });
        let message = finish(result)?;
        self.drained.wake_all();
        Ok(message)
    }
}

/// Interrupted calls are never restarted; signal(7).
fn finish<T>(result: Result<Result<T, Errno>, Errno>) -> Result<T, Errno> {
    result.unwrap_or(Err(Errno::EINTR))
}

#[cfg(test)]
mod tests {
    use super::{Errno, Message, MessageQueue, Permission, Wanted};
    use crate::task::creds::Creds;

    fn queue(kinds: &[i64]) -> MessageQueue {
        let queue = MessageQueue::new(Permission::new(1, 0o600, &Creds::root(), 0));
        for kind in kinds {
            queue.send(Message { kind: *kind, text: vec![b'x'; 10] }, false, 1).unwrap();
        }
        queue
    }

    #[test]
    fn messages_are_found_by_type() {
        let queue = queue(&[3, 2, 5, 2]);
        let kind = |wanted| queue.receive(wanted, 10, false, false, 1).map(|message| message.kind);
        assert_eq!(kind(Wanted::Kind(9)), Err(Errno::ENOMSG));
        assert_eq!(kind(Wanted::UpTo(4)), Ok(2));
        assert_eq!(kind(Wanted::Except(3)), Ok(5));
        assert_eq!(kind(Wanted::Any), Ok(3));
        assert_eq!(kind(Wanted::Kind(2)), Ok(2));
        assert_eq!(kind(Wanted::Any), Err(Errno::ENOMSG));
    }

    #[test]
    fn lengths_and_room() {
        let queue = queue(&[1]);
        assert_eq!(queue.receive(Wanted::Any, 9, false, false, 1), Err(Errno::E2BIG));
        assert_eq!(queue.receive(Wanted::Any, 9, true, false, 1).unwrap().text.len(), 9);
        let long = Message { kind: 1, text: vec![0; 8192] };
        assert_eq!(queue.send(long.clone(), false, 1), Ok(()));
        assert_eq!(queue.send(long.clone(), false, 1), Ok(()));
        assert_eq!(queue.send(long, false, 1), Err(Errno::EAGAIN));
        queue.remove();
        assert_eq!(queue.receive(Wanted::Any, 9, true, true, 1), Err(Errno::EIDRM));
    }
}
