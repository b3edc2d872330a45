//! Host threads for tasks. A thread whose task has ended waits a moment for another task, since a new
//! host thread costs more than a fork should.

use std::{io, thread, time::Duration};

use crate::sync::{Condvar, Mutex};

/// What a host thread is to do.
type Job = Box<dyn FnOnce() + Send>;

/// Most threads that wait.
const MOST_IDLE: usize = 16;

/// How long a thread waits before it ends.
const PATIENCE: Duration = Duration::from_secs(5);

struct State {
    jobs: Vec<Job>,
    idle: usize,
}

struct Threads {
    state: Mutex<State>,
    work: Condvar,
}

/// The pool of host threads.
static THREADS: Threads = Threads { state: Mutex::new(State { jobs: Vec::new(), idle: 0 }), work: Condvar::new() };

/// Runs a job on a host thread of its own.
///
/// # Errors
/// Those of the host when it has no thread left.
pub fn spawn(job: Job) -> io::Result<()> {
    let mut state = THREADS.state.lock();
    if state.idle > state.jobs.len() {
        state.jobs.push(job);
        THREADS.work.notify_one();
        return Ok(());
    }
    drop(state);
    thread::Builder::new().name("task".into()).spawn(move || serve(job)).map(drop)
}

fn serve(mut job: Job) {
    loop {
        job();
        let mut state = THREADS.state.lock();
        if state.idle >= MOST_IDLE {
            return;
        }
        state.idle += 1;
        while state.jobs.is_empty() {
            if THREADS.work.wait_for(&mut state, PATIENCE).timed_out() && state.jobs.is_empty() {
                state.idle -= 1;
                return;
            }
        }
        state.idle -= 1;
        match state.jobs.pop() {
            Some(next) => job = next,
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    #[test]
    fn jobs_that_need_each_other_all_run() {
        for _ in 0..50 {
            let (to, from) = mpsc::channel();
            let (back, result) = mpsc::channel();
            super::spawn(Box::new(move || back.send(from.recv().unwrap()).unwrap())).unwrap();
            super::spawn(Box::new(move || to.send(7).unwrap())).unwrap();
            assert_eq!(result.recv().unwrap(), 7);
        }
    }
}
