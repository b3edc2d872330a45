//! Wait queues: how tasks sleep and what wakes them.
//!
//! An object that can make somebody wait owns a [`WaitQueue`]. A task sleeps with [`wait_until`],
//! which registers on the queues, checks the condition after registering (so that no wake-up is
//! lost), and parks its host thread. Epoll registers callbacks on the same queues.

use std::{panic::Location, time::Instant};

use bitflags::bitflags;
use lazaret_abi::errno::Errno;
use lazaret_snapshot::{Reader, Snapshot, Writer, snapshot_bits};

use crate::{
    sync::{Arc, AtomicBool, AtomicU64, AtomicUsize, Mutex, OnceLock, Ordering},
    task::Task,
    time::Deadline,
};

bitflags! {
    /// Readiness of a file; the bits are those of poll(2) and epoll(7).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Events: u32 {
        /// Data can be read, or a connection accepted.
        const IN = 0x1;
        /// Urgent data.
        const PRI = 0x2;
        /// Can be written without blocking.
        const OUT = 0x4;
        /// An error is pending; always reported.
        const ERR = 0x8;
        /// The other side is gone; always reported.
        const HUP = 0x10;
        /// Bad descriptor (poll only).
        const NVAL = 0x20;
        /// Normal data can be read.
        const RDNORM = 0x40;
        /// Priority band data can be read.
        const RDBAND = 0x80;
        /// Normal data can be written.
        const WRNORM = 0x100;
        /// Priority band data can be written.
        const WRBAND = 0x200;
        /// The other side has shut down its writing half.
        const RDHUP = 0x2000;
    }
}

snapshot_bits!(Events);

impl Events {
    /// Ready to read.
    pub const READABLE: Events = Events::IN.union(Events::RDNORM);
    /// Ready to write.
    pub const WRITABLE: Events = Events::OUT.union(Events::WRNORM);
    /// Reported whether asked for or not.
    pub const ALWAYS: Events = Events::ERR.union(Events::HUP);
}

/// What a queue wakes: a sleeping task or an epoll item.
pub trait Wake: Send + Sync {
    /// Something happened. Returns whether a sleeper was really woken, which is what an exclusive
    /// wake-up counts. Called with the queue locked: must not touch that queue.
    fn wake(&self, events: Events) -> bool;
}

struct Entry {
    id: usize,
    interest: Events,
    exclusive: bool,
    target: Arc<dyn Wake>,
}

/// A list of those who wait for something to happen to an object.
#[derive(Default)]
pub struct WaitQueue {
    /// Number of entries, so that waking an unwatched object costs one load.
    count: AtomicUsize,
    entries: Mutex<Vec<Entry>>,
    next: AtomicUsize,
}

/// Nobody waits in a snapshot: all sleeps were interrupted before it was taken, and those who polled
/// register again.
impl Snapshot for WaitQueue {
    fn save(&self, _writer: &mut Writer) -> lazaret_snapshot::Result<()> {
        Ok(())
    }

    fn load(_reader: &mut Reader<'_>) -> lazaret_snapshot::Result<Self> {
        Ok(WaitQueue::new())
    }
}

/// A registration on a [`WaitQueue`], given back to [`WaitQueue::remove`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryId(usize);

impl WaitQueue {
    /// An empty queue.
    pub fn new() -> WaitQueue {
        WaitQueue::default()
    }

    /// Registers `target` for `interest`. Exclusive entries are woken one at a time by
    /// [`WaitQueue::wake_one`], in the order of registration.
    pub fn add(&self, target: Arc<dyn Wake>, interest: Events, exclusive: bool) -> EntryId {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut entries = self.entries.lock();
        entries.push(Entry { id, interest, exclusive, target });
        // SeqCst pairs with the load in `wake`: either the waker sees the entry, or the sleeper,
        // which checks its condition after this, sees what the waker did.
        self.count.store(entries.len(), Ordering::SeqCst);
        EntryId(id)
    }

    /// Takes a registration back; nothing happens if it is gone.
    pub fn remove(&self, id: EntryId) {
        let mut entries = self.entries.lock();
        entries.retain(|entry| entry.id != id.0);
        self.count.store(entries.len(), Ordering::SeqCst);
    }

    /// Wakes everyone interested in `events`. Returns whether a sleeper was really woken.
    pub fn wake(&self, events: Events) -> bool {
        self.wake_some(events, usize::MAX)
    }

    /// Wakes everyone, whatever they wait for.
    pub fn wake_all(&self) {
        self.wake(Events::all());
    }

    /// Wakes all non-exclusive entries and one exclusive one. Returns whether a sleeper was really
    /// woken.
    pub fn wake_one(&self, events: Events) -> bool {
        self.wake_some(events, 1)
    }

    /// Wakes one exclusive entry and no other: the caller leaves to the next sleeper what it did not
    /// take itself, which is no news to those who watch.
    pub fn pass_on(&self, events: Events) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        for entry in self.entries.lock().iter() {
            if entry.exclusive && entry.interest.intersects(events) && entry.target.wake(events) {
                return;
            }
        }
    }

    fn wake_some(&self, events: Events, exclusive: usize) -> bool {
        std::sync::atomic::fence(Ordering::SeqCst);
        if self.count.load(Ordering::SeqCst) == 0 {
            return false;
        }
        let mut left = exclusive;
        let mut woken = false;
        for entry in self.entries.lock().iter() {
            if !entry.interest.intersects(events) {
                continue;
            }
            if entry.exclusive {
                if left == 0 {
                    continue;
                }
                if entry.target.wake(events) {
                    left -= 1;
                    woken = true;
                }
            } else {
                woken |= entry.target.wake(events);
            }
        }
        woken
    }
}

/// Lets one host thread sleep until another wakes it. Wake-ups are remembered: one that comes
/// before the sleep makes the sleep return at once.
#[derive(Default)]
pub struct Parker {
    thread: OnceLock<std::thread::Thread>,
    woken: AtomicBool,
    /// Sleeps, or is about to.
    parked: AtomicBool,
    /// How often it has slept.
    sleeps: AtomicU64,
    /// The latest sleep, for those who show it.
    latest: Mutex<Option<Sleep>>,
    /// The next sleep goes on with the same wait as the latest one.
    goes_on: AtomicBool,
}

/// What a host thread waits for.
#[derive(Clone, Copy, Debug)]
pub struct Sleep {
    /// When the wait began.
    pub since: Instant,
    /// Where in the kernel it waits.
    pub place: &'static Location<'static>,
}

impl Parker {
    /// A parker not yet bound to a thread.
    pub fn new() -> Parker {
        Parker::default()
    }

    /// Binds the parker to the calling thread, which alone may then [`Parker::park`].
    pub fn bind(&self) {
        self.thread.get_or_init(std::thread::current);
    }

    /// Sleeps until woken or until `deadline`. May return early without cause.
    #[track_caller]
    pub fn park(&self, deadline: Option<Deadline>) {
        self.bind();
        if self.woken.swap(false, Ordering::Acquire) {
            return;
        }
        Task::tell_of_sleep();
        self.parked.store(true, Ordering::Relaxed);
        self.sleeps.fetch_add(1, Ordering::Relaxed);
        self.note_sleep(Location::caller());
        match deadline.map(Deadline::remaining) {
            None => std::thread::park(),
            Some(left) if left.is_zero() => {}
            Some(left) => std::thread::park_timeout(left),
        }
        self.parked.store(false, Ordering::Relaxed);
        self.woken.swap(false, Ordering::Acquire);
    }

    /// Notes where the thread sleeps, and since when if it is not woken in vain again and again.
    fn note_sleep(&self, place: &'static Location<'static>) {
        let goes_on = self.goes_on.swap(true, Ordering::Relaxed);
        let mut latest = self.latest.lock();
        let since = latest.filter(|_| goes_on).map_or_else(Instant::now, |sleep| sleep.since);
        *latest = Some(Sleep { since, place });
    }

    /// From now on the thread sleeps for something else than before.
    pub fn begin_wait(&self) {
        self.goes_on.store(false, Ordering::Relaxed);
    }

    /// What the thread waits for, if it sleeps.
    pub fn sleep(&self) -> Option<Sleep> {
        if self.is_parked() { *self.latest.lock() } else { None }
    }

    /// The thread sleeps; for those who show it.
    pub fn is_parked(&self) -> bool {
        self.parked.load(Ordering::Relaxed)
    }

    /// How often the thread has slept.
    pub fn sleeps(&self) -> u64 {
        self.sleeps.load(Ordering::Relaxed)
    }

    /// It was woken and has not slept since.
    fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Acquire)
    }

    /// Wakes the thread. Returns whether this call was the one that did.
    pub fn unpark(&self) -> bool {
        if self.woken.swap(true, Ordering::Release) {
            return false;
        }
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
        true
    }
}

impl Wake for Parker {
    fn wake(&self, _events: Events) -> bool {
        self.unpark()
    }
}

/// What may end a wait before its condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruptible {
    /// Any signal that the task does not block.
    Signals,
    /// Only a signal that kills the task.
    Kill,
    /// Nothing: what is waited for is sure to come.
    Nothing,
}

/// Sleeps until `condition` gives a value.
///
/// `condition` is called before registering (the fast path), after registering, and after each
/// wake-up. Works on any host thread; one that is no task is never interrupted.
///
/// # Errors
/// `ERESTARTSYS` when a signal is pending, `ETIMEDOUT` when the deadline has passed. The condition
/// is checked before either.
#[track_caller]
pub fn wait_until<T>(
    queues: &[(&WaitQueue, Events)],
    deadline: Option<Deadline>,
    interruptible: Interruptible,
    mut condition: impl FnMut() -> Option<T>,
) -> Result<T, Errno> {
    if let Some(value) = condition() {
        return Ok(value);
    }
    let task = Task::try_current();
    let parker = task.as_ref().map_or_else(|| Arc::new(Parker::new()), |task| task.parker().clone());
    let registrations: Vec<_> = queues
        .iter()
        .map(|(queue, events)| (*queue, queue.add(parker.clone(), *events | Events::ALWAYS, true)))
        .collect();
    let result = loop {
        if let Some(value) = condition() {
            break Ok(value);
        }
        if let Some(task) = &task
            && task.should_stop_waiting(interruptible)
        {
            break Err(Errno::ERESTARTSYS);
        }
        if deadline.is_some_and(|deadline| deadline.has_passed()) {
            break Err(Errno::ETIMEDOUT);
        }
        parker.park(deadline);
    };
    for (queue, id) in registrations {
        queue.remove(id);
    }
    // Woken once more than it needed: another sleeper may have been passed over for this one.
    if parker.is_woken() {
        for (queue, events) in queues {
            queue.pass_on(*events);
        }
    }
    result
}

/// A value that `condition` gives now, or else once `queue` was woken for `events`: what reading and writing do on
/// files that block.
///
/// # Errors
/// `EAGAIN` when the caller does not wait (O_NONBLOCK), `ERESTARTSYS` when a signal is pending.
#[track_caller]
pub fn take_or_wait<T>(
    nonblocking: bool,
    queue: &WaitQueue,
    events: Events,
    mut condition: impl FnMut() -> Option<T>,
) -> Result<T, Errno> {
    if nonblocking {
        condition().ok_or(Errno::EAGAIN)
    } else {
        wait_until(&[(queue, events)], None, Interruptible::Signals, condition)
    }
}

/// Collects the queues that a poll must watch: a file's `poll` registers its queues here, if the
/// caller means to sleep.
pub struct Poller {
    target: Arc<dyn Wake>,
    exclusive: bool,
    registrations: Vec<(Arc<WaitQueue>, EntryId)>,
}

impl Poller {
    /// A poller whose registrations wake `target`.
    pub fn new(target: Arc<dyn Wake>) -> Poller {
        Poller { target, exclusive: false, registrations: Vec::new() }
    }

    /// Registers exclusively from now on: of several such, one is woken (EPOLLEXCLUSIVE).
    pub fn set_exclusive(&mut self, exclusive: bool) {
        self.exclusive = exclusive;
    }

    /// Watches `queue` for `events` until the poller is dropped.
    pub fn register(&mut self, queue: &Arc<WaitQueue>, events: Events) {
        let id = queue.add(self.target.clone(), events | Events::ALWAYS, self.exclusive);
        self.registrations.push((queue.clone(), id));
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        for (queue, id) in self.registrations.drain(..) {
            queue.remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_wake_up_before_the_sleep_is_remembered() {
        let parker = Parker::new();
        assert!(parker.unpark());
        assert!(!parker.unpark());
        parker.park(None);
    }

    #[test]
    fn waiting_ends_with_the_condition() {
        let queue = Arc::new(WaitQueue::new());
        let ready = Arc::new(AtomicBool::new(false));
        let waker = std::thread::spawn({
            let (queue, ready) = (queue.clone(), ready.clone());
            move || {
                std::thread::sleep(Duration::from_millis(5));
                ready.store(true, Ordering::SeqCst);
                queue.wake(Events::IN);
            }
        });
        let result = wait_until(&[(&queue, Events::IN)], None, Interruptible::Signals, || {
            ready.load(Ordering::SeqCst).then_some(7)
        });
        assert_eq!(result, Ok(7));
        waker.join().unwrap();
        assert_eq!(queue.count.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn waiting_ends_at_the_deadline() {
        let queue = WaitQueue::new();
        let deadline = Deadline::after(Duration::from_millis(2));
        let result = wait_until::<()>(&[(&queue, Events::IN)], Some(deadline), Interruptible::Signals, || None);
        assert_eq!(result, Err(Errno::ETIMEDOUT));
    }
}
