//! Decides the host calls that stubs must ask for.
//!
//! Each such call was ordered by a task thread, and shows that thread's nonce in an argument that
//! the host ignores. So no word of a stub about process or thread ids needs to be believed: who
//! knows the nonce is the address space that the order went to, or the copy it was ordered to make.
//!
//! There is no thread for this: of the task threads that wait for a call of their stubs, one at a
//! time listens for all.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
    io,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use lazaret_hostcall::notify::{Listener, Notification};
use parking_lot::{Condvar, Mutex};
use rustix::{fd::BorrowedFd, process::Pid};

use super::reaper;
use crate::{Error, Result};

/// How often a listening thread looks whether the stub is still there.
const SLICE: Duration = Duration::from_millis(20);
/// How long a stub may take to make the call it was ordered to make.
const PATIENCE: Duration = Duration::from_secs(10);

/// A host call that a task thread ordered.
pub(super) struct Order {
    /// The call's number.
    pub number: i32,
    /// Its arguments, to the last bit.
    pub arguments: [u64; 6],
}

struct Pending {
    order: Order,
    arrived: Option<Notification>,
}

#[derive(Default)]
struct Table {
    listening: bool,
    pending: HashMap<u32, Pending>,
}

pub(super) struct Notifier {
    listener: Listener,
    table: Mutex<Table>,
    changed: Condvar,
    secret: RandomState,
    count: AtomicU64,
}

impl Notifier {
    pub fn new(listener: Listener) -> Notifier {
        Notifier {
            listener,
            table: Mutex::default(),
            changed: Condvar::new(),
            secret: RandomState::new(),
            count: AtomicU64::new(0),
        }
    }

    /// A number that other stubs cannot guess.
    pub fn nonce(&self) -> u32 {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let [a, b, c, d, ..] = self.secret.hash_one(count).to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    /// Announces a call, which shows `nonce`.
    pub fn expect(&self, nonce: u32, order: Order) {
        self.table.lock().pending.insert(nonce, Pending { order, arrived: None });
    }

    /// Takes an announcement back: the call will not be made.
    pub fn forget(&self, nonce: u32) {
        self.table.lock().pending.remove(&nonce);
    }

    /// Waits for the call announced as `nonce`. `None` when `stop` became true instead.
    ///
    /// # Errors
    /// `Corrupted` when the stub does not make the call.
    pub fn wait(&self, nonce: u32, stop: impl Fn() -> bool) -> Result<Option<Notification>> {
        let deadline = Instant::now() + PATIENCE;
        let mut table = self.table.lock();
        let result = loop {
            if let Some(notification) = table.pending.get_mut(&nonce).and_then(|pending| pending.arrived.take()) {
                break Ok(Some(notification));
            }
            if stop() {
                break Ok(None);
            }
            if Instant::now() > deadline {
                break Err(Error::Corrupted("does not make the call it was ordered to make"));
            }
            if table.listening {
                self.changed.wait_for(&mut table, SLICE);
                continue;
            }
            table.listening = true;
            drop(table);
            let received = self.listener.receive(SLICE);
            table = self.table.lock();
            table.listening = false;
            match received {
                Ok(Some(notification)) => self.dispatch(&mut table, notification),
                Ok(None) => {}
                Err(_) => break Err(Error::Dead),
            }
            if table.pending.len() > 1 {
                self.changed.notify_all();
            }
        };
        table.pending.remove(&nonce);
        result
    }

    fn dispatch(&self, table: &mut Table, notification: Notification) {
        match table.pending.get_mut(&nonce_of(&notification)) {
            Some(pending)
                if pending.arrived.is_none()
                    && pending.order.number == notification.number
                    && pending.order.arguments == notification.arguments =>
            {
                pending.arrived = Some(notification);
            }
            _ => self.punish(&notification),
        }
    }

    /// Ends a process that made a call nobody ordered.
    pub fn punish(&self, notification: &Notification) {
        if let Some(pid) = Pid::from_raw(notification.thread) {
            reaper::kill_caller(pid, || self.listener.is_waiting(notification.id));
        }
        let _ = self.listener.refuse(notification.id, libc::EPERM);
    }

    /// Lets a call run. When the caller was killed meanwhile, its death shows elsewhere.
    pub fn resume(&self, notification: &Notification) -> Result<()> {
        gone_is_fine(self.listener.resume(notification.id))
    }

    /// Answers a call with a copy of `fd` in the caller's table.
    pub fn answer(&self, notification: &Notification, fd: BorrowedFd<'_>, target: u32) -> Result<()> {
        gone_is_fine(self.listener.answer(notification.id, fd, target))
    }

    /// Puts a copy of `fd` into the caller's table.
    pub fn give(&self, notification: &Notification, fd: BorrowedFd<'_>, target: u32) -> Result<()> {
        gone_is_fine(self.listener.give(notification.id, fd, target))
    }
}

fn gone_is_fine(result: io::Result<()>) -> Result<()> {
    match result {
        Err(error) if error.raw_os_error() != Some(libc::ENOENT) => {
            Err(Error::Host(error.raw_os_error().unwrap_or(libc::EIO)))
        }
        _ => Ok(()),
    }
}

/// Where a call shows the nonce: mmap in the upper half of its descriptor, others in the sixth
/// argument, which they do not have.
fn nonce_of(notification: &Notification) -> u32 {
    let bits = if i64::from(notification.number) == libc::SYS_mmap {
        notification.arguments[4] >> 32
    } else {
        notification.arguments[5]
    };
    u32::try_from(bits & u64::from(u32::MAX)).unwrap_or_default()
}
