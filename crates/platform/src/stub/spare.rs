//! Address spaces in reserve.
//!
//! A shell that runs one program after the other needs an empty address space for each, and making one, a copy of
//! the zygote, is a good part of an execve. So once programs follow one another, a thread makes the next ones while
//! programs run, apart from where they do: it looks by itself whether there are enough, as waking it would take
//! longer. A container with a single program has neither.

use std::{io, sync::Arc, thread, time::Duration};

use parking_lot::{Condvar, Mutex};

use super::{context::StubContext, thread::Thread};
use crate::Result;

/// Stack of the thread.
const STACK_SIZE: usize = 64 * 1024;
/// After so many programs there is one.
const PROGRAMS: u8 = 2;
/// How many are kept in reserve.
const STOCK: usize = 2;
/// How often the thread looks while programs are started.
const ROUND: Duration = Duration::from_micros(300);
/// After so many looks at enough of them it waits to be woken.
const QUIET_ROUNDS: u32 = 16;

/// The zygote, and the copies of it that wait to be used.
pub(super) struct Reserve {
    zygote: Mutex<Thread>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    spare: Vec<StubContext>,
    /// One is being made.
    is_coming: bool,
    /// The thread will look soon.
    looks: bool,
    /// How often one was taken, up to [`PROGRAMS`].
    taken: u8,
    is_closed: bool,
}

impl Reserve {
    pub fn new(zygote: Thread) -> Arc<Reserve> {
        Arc::new(Reserve { zygote: Mutex::new(zygote), state: Mutex::default(), changed: Condvar::new() })
    }

    /// An empty address space: one in reserve, or a new one.
    ///
    /// # Errors
    /// Those of [`Thread::fork`].
    pub fn take(self: &Arc<Reserve>) -> Result<StubContext> {
        let mut state = self.state.lock();
        while state.is_coming && state.spare.is_empty() {
            self.changed.wait(&mut state);
        }
        if state.taken < PROGRAMS {
            state.taken += 1;
            if state.taken == PROGRAMS {
                // Without the thread each is made when it is needed.
                let _ = start(Arc::clone(self));
            }
        }
        let spare = std::iter::from_fn(|| state.spare.pop()).find(|spare| !spare.is_dead());
        let looks = state.looks;
        drop(state);
        if !looks {
            self.changed.notify_all();
        }
        match spare {
            Some(spare) => Ok(spare),
            None => Ok(StubContext::empty(self.zygote.lock().fork(true)?)),
        }
    }

    /// Another zygote.
    ///
    /// # Errors
    /// Those of [`Thread::fork`].
    pub fn branch(&self) -> Result<Thread> {
        let mut zygote = self.zygote.lock().fork(false)?;
        zygote.is_zygote = true;
        Ok(zygote)
    }

    /// Makes no more. What is in reserve ends.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        let spare = std::mem::take(&mut state.spare);
        drop(state);
        self.changed.notify_all();
        drop(spare);
    }

    /// Keeps the stock, until nothing was taken from it for a while.
    fn look_after(&self, state: &mut parking_lot::MutexGuard<'_, State>) {
        let mut quiet = 0;
        state.looks = true;
        while quiet < QUIET_ROUNDS && !state.is_closed {
            if state.spare.len() >= STOCK {
                quiet += 1;
                parking_lot::MutexGuard::unlocked(state, || thread::sleep(ROUND));
                continue;
            }
            quiet = 0;
            state.is_coming = true;
            let made = parking_lot::MutexGuard::unlocked(state, || self.zygote.lock().fork(false));
            state.is_coming = false;
            self.changed.notify_all();
            match made {
                Ok(mut thread) => {
                    thread.bear();
                    state.spare.push(StubContext::empty(thread));
                }
                // Whoever takes the next one learns why.
                Err(_) => break,
            }
        }
        state.looks = false;
    }
}

fn start(reserve: Arc<Reserve>) -> io::Result<()> {
    let work = move || {
        let mut state = reserve.state.lock();
        while !state.is_closed {
            reserve.look_after(&mut state);
            if !state.is_closed {
                reserve.changed.wait(&mut state);
            }
        }
    };
    thread::Builder::new().name("spare".into()).stack_size(STACK_SIZE).spawn(work).map(drop)
}
