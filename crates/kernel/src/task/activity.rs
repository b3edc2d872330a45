//! What a task does now, noted down for those who look from outside; the task itself never asks.

use crate::sync::{AtomicU64, Ordering, fence};

/// Set in [`Activity::state`] while a call is answered.
const IN_CALL: u64 = 1 << 32;

/// What is added to [`Activity::state`] with each call.
const ONE_CALL: u64 = 1 << 33;

/// How often a look is repeated at a task that makes one call after another.
const LOOKS: usize = 100;

/// The system call that a task makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its number.
    pub number: u32,
    /// Its arguments.
    pub args: [u64; 6],
}

/// The place where a task notes its system call. Written by its own host thread alone.
#[derive(Default)]
pub struct Activity {
    /// The call's number, [`IN_CALL`], and how many calls there were.
    state: AtomicU64,
    args: [AtomicU64; 6],
}

impl Activity {
    /// A call is being answered.
    pub fn begin(&self, number: u32, args: [u64; 6]) {
        // Whoever sees one of these arguments sees that the call before has ended.
        fence(Ordering::Release);
        for (place, arg) in self.args.iter().zip(args) {
            place.store(arg, Ordering::Relaxed);
        }
        let count = (self.state.load(Ordering::Relaxed) & !(ONE_CALL - 1)).wrapping_add(ONE_CALL);
        self.state.store(count | IN_CALL | u64::from(number), Ordering::Release);
    }

    /// The call has been answered.
    pub fn end(&self) {
        self.state.store(self.state.load(Ordering::Relaxed) & !IN_CALL, Ordering::Relaxed);
    }

    /// The call that is being answered. None, too, for a task that is too fast to look at.
    pub fn call(&self) -> Option<Call> {
        for _ in 0..LOOKS {
            let state = self.state.load(Ordering::Acquire);
            if state & IN_CALL == 0 {
                return None;
            }
            let args = self.args.each_ref().map(|arg| arg.load(Ordering::Relaxed));
            fence(Ordering::Acquire);
            if self.state.load(Ordering::Relaxed) == state {
                return Some(Call { number: (state & u64::from(u32::MAX)) as u32, args });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Activity, Call};
    use crate::sync::{Arc, AtomicBool, Ordering};

    #[test]
    fn calls_begin_and_end() {
        let activity = Activity::default();
        assert_eq!(activity.call(), None);
        activity.begin(u32::MAX, [1, 2, 3, 4, 5, u64::MAX]);
        assert_eq!(activity.call(), Some(Call { number: u32::MAX, args: [1, 2, 3, 4, 5, u64::MAX] }));
        activity.end();
        assert_eq!(activity.call(), None);
    }

    #[test]
    fn no_call_is_seen_with_the_arguments_of_another() {
        let activity = Arc::new(Activity::default());
        let ended = Arc::new(AtomicBool::new(false));
        let writer = {
            let (activity, ended) = (activity.clone(), ended.clone());
            std::thread::spawn(move || {
                for number in 0..200_000_u32 {
                    activity.begin(number, [u64::from(number); 6]);
                    activity.end();
                }
                ended.store(true, Ordering::Release);
            })
        };
        while !ended.load(Ordering::Acquire) {
            if let Some(call) = activity.call() {
                assert_eq!(call.args, [u64::from(call.number); 6]);
            }
        }
        writer.join().unwrap();
    }
}
