//! An address space in reserve.
//!
//! A shell that runs one program after the other needs an empty address space for each, and making one, a copy of
//! the zygote, is a good part of an execve. So once programs follow one another, a thread makes the next one while
//! the program that the last one was for runs. A container with a single program has neither.

use std::{io, sync::Arc, thread};

use parking_lot::{Condvar, Mutex};

use super::{context::StubContext, thread::Thread};
use crate::Result;

/// Stack of the thread.
const STACK_SIZE: usize = 64 * 1024;
/// After so many programs there is one.
const PROGRAMS: u8 = 2;

/// The zygote, and the copy of it that waits to be used.
pub(super) struct Reserve {
    zygote: Mutex<Thread>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    spare: Option<StubContext>,
    /// One is being made.
    is_coming: bool,
    /// How often one was taken, up to [`PROGRAMS`].
    taken: u8,
    is_closed: bool,
}

impl Reserve {
    pub fn new(zygote: Thread) -> Arc<Reserve> {
        Arc::new(Reserve { zygote: Mutex::new(zygote), state: Mutex::default(), changed: Condvar::new() })
    }

    /// An empty address space: the one in reserve, or a new one.
    ///
    /// # Errors
    /// Those of [`Thread::fork`].
    pub fn take(self: &Arc<Reserve>) -> Result<StubContext> {
        let mut state = self.state.lock();
        while state.is_coming {
            self.changed.wait(&mut state);
        }
        if state.taken < PROGRAMS {
            state.taken += 1;
            if state.taken == PROGRAMS {
                // Without the thread each is made when it is needed.
                let _ = start(Arc::clone(self));
            }
        }
        let spare = state.spare.take().filter(|spare| !spare.is_dead());
        drop(state);
        self.changed.notify_all();
        match spare {
            Some(spare) => Ok(spare),
            None => Ok(StubContext::empty(self.zygote.lock().fork(true)?)),
        }
    }

    /// Makes no more. What is in reserve ends.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        let spare = state.spare.take();
        drop(state);
        self.changed.notify_all();
        drop(spare);
    }

    /// Waits until there is none, and makes one.
    fn refill(&self, state: &mut parking_lot::MutexGuard<'_, State>) {
        while state.spare.is_some() && !state.is_closed {
            self.changed.wait(state);
        }
        if state.is_closed {
            return;
        }
        state.is_coming = true;
        let made = parking_lot::MutexGuard::unlocked(state, || self.zygote.lock().fork(false).map(StubContext::empty));
        state.is_coming = false;
        self.changed.notify_all();
        match made {
            Ok(context) => state.spare = Some(context),
            // Whoever takes the next one learns why.
            Err(_) => self.changed.wait(state),
        }
    }
}

fn start(reserve: Arc<Reserve>) -> io::Result<()> {
    let work = move || {
        let mut state = reserve.state.lock();
        while !state.is_closed {
            reserve.refill(&mut state);
        }
    };
    thread::Builder::new().name("spare".into()).stack_size(STACK_SIZE).spawn(work).map(drop)
}
