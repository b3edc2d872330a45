//! The one thread that all timers share. It sleeps until the next timer runs out: none armed, no
//! wake-ups.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::sync::{Condvar, Mutex, OnceLock, Weak};

/// What a timer does.
pub trait Expire: Send + Sync {
    /// The time for which the timer was armed has come. It may also come late, or after the timer
    /// was armed anew: the object knows its own expiry and checks it. Returns when to come again.
    fn expire(&self, now: Instant) -> Option<Instant>;
}

/// Names an armed timer, for [`disarm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(Instant, u64);

#[derive(Default)]
struct State {
    timers: BTreeMap<Key, Weak<dyn Expire>>,
    next: u64,
    running: bool,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    earlier: Condvar,
}

fn queue() -> &'static Queue {
    static QUEUE: OnceLock<Queue> = OnceLock::new();
    QUEUE.get_or_init(Queue::default)
}

/// Arms a timer: [`Expire::expire`] will be called at `when`, once. May be called with the object's
/// own lock held.
pub fn arm(when: Instant, target: Weak<dyn Expire>) -> Key {
    let queue = queue();
    let mut state = queue.state.lock();
    let key = state.insert(when, target);
    if !state.running {
        let started = std::thread::Builder::new().name("timers".into()).spawn(run);
        state.running = started.is_ok();
    }
    if state.timers.first_key_value().is_some_and(|(first, _)| *first == key) {
        queue.earlier.notify_one();
    }
    key
}

/// Takes a timer back; nothing happens if it has run out.
pub fn disarm(key: Key) {
    queue().state.lock().timers.remove(&key);
}

impl State {
    fn insert(&mut self, when: Instant, target: Weak<dyn Expire>) -> Key {
        let key = Key(when, self.next);
        self.next += 1;
        self.timers.insert(key, target);
        key
    }
}

fn run() {
    let queue = queue();
    let mut state = queue.state.lock();
    loop {
        let Some(first) = state.timers.first_entry() else {
            queue.earlier.wait(&mut state);
            continue;
        };
        let now = Instant::now();
        let when = first.key().0;
        if when > now {
            let left = (when - now).min(Duration::from_secs(3600));
            queue.earlier.wait_for(&mut state, left);
            continue;
        }
        let target = first.remove();
        drop(state);
        let again = target.upgrade().and_then(|object| object.expire(now));
        state = queue.state.lock();
        if let Some(again) = again {
            state.insert(again, target);
        }
    }
}

/// A timer of an object: its key while it is armed.
#[derive(Default)]
pub struct Slot(Option<Key>);

impl Slot {
    /// Arms for `when`, or not at all; what was armed before is taken back.
    pub fn set<T: Expire + 'static>(&mut self, when: Option<Instant>, target: &Weak<T>) {
        if let Some(key) = self.0.take() {
            disarm(key);
        }
        self.0 = when.map(|when| arm(when, target.clone()));
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(key) = self.0.take() {
            disarm(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Arc;

    struct Alarm<F>(F);

    impl<F: Fn() + Send + Sync> Expire for Alarm<F> {
        fn expire(&self, _now: Instant) -> Option<Instant> {
            (self.0)();
            None
        }
    }

    #[test]
    fn timers_run_out_in_order() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let start = Instant::now();
        let alarms: Vec<_> = [20_u64, 5, 10]
            .into_iter()
            .map(|delay| {
                let sender = sender.clone();
                let alarm: Arc<dyn Expire> = Arc::new(Alarm(move || sender.send(delay).unwrap()));
                let target = Arc::downgrade(&alarm);
                arm(start + Duration::from_millis(delay), target);
                alarm
            })
            .collect();
        let wait = Duration::from_secs(5);
        assert_eq!([(); 3].map(|()| receiver.recv_timeout(wait).unwrap()), [5, 10, 20]);
        drop(alarms);
    }
}
