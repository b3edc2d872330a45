//! Stopping of processes by signals (job control).

use lazaret_abi::signal::{SigSet, Signal};
use lazaret_snapshot::Snapshot;

use super::child;
use crate::{
    sync::Arc,
    task::{Task, group::GroupSignals, work},
};

/// Whether a process is stopped or on the way to it.
#[derive(Clone, Copy, Debug, Default, Snapshot)]
pub struct Stop {
    signal: Option<Signal>,
    /// Threads that have not stopped yet.
    running: usize,
    /// A thread has taken a signal that stops, and the process has got no SIGCONT since.
    taken: bool,
}

impl Stop {
    /// All threads have stopped.
    pub fn is_complete(&self) -> bool {
        self.signal.is_some() && self.running == 0
    }

    /// The process is stopped or about to.
    pub fn is_requested(&self) -> bool {
        self.signal.is_some()
    }
}

impl GroupSignals {
    /// A signal that stops was taken from those pending: [`GroupSignals::request_stop`] follows.
    pub fn take_stop(&mut self) {
        self.stop.taken = true;
    }

    /// Asks all threads to stop. Nothing happens if they are asked already, or if a SIGCONT came after
    /// the signal was taken.
    pub fn request_stop(&mut self, signal: Signal) {
        let taken = std::mem::take(&mut self.stop.taken);
        if !taken || self.stop.signal.is_some() || self.exit.is_some() || self.executing.is_some() {
            return;
        }
        self.stop = Stop { signal: Some(signal), running: self.threads.len(), taken: false };
        for task in &self.threads {
            task.set_stopped(false);
            task.notify(work::STOP);
        }
    }

    /// Ends a stop (SIGCONT, SIGKILL); returns whether the process had stopped.
    pub fn end_stop(&mut self) -> bool {
        let was_complete = self.stop.is_complete();
        let was_requested = self.stop.is_requested();
        self.stop = Stop::default();
        if was_requested {
            for task in &self.threads {
                task.clear_work(work::STOP);
                task.parker().unpark();
            }
        }
        was_complete
    }

    /// A thread has stopped, or has ended before it did. Returns the signal if it was the last.
    pub fn thread_stopped(&mut self) -> Option<Signal> {
        if self.stop.signal.is_none() || self.stop.running == 0 {
            return None;
        }
        self.stop.running -= 1;
        if self.stop.running == 0 { self.stop.signal } else { None }
    }
}

/// The calling task stops with its process, if that is asked for, until it continues or is killed.
pub fn participate(task: &Arc<Task>) {
    let group = task.group();
    task.parker().begin_wait();
    loop {
        let mut signals = group.signals();
        task.clear_work(work::STOP);
        if !signals.stop.is_requested() || task.work() & work::KILL != 0 {
            break;
        }
        // It may be another stop than the one that the thread slept in.
        let completed = if task.is_stopped() { None } else { signals.thread_stopped() };
        task.set_stopped(true);
        drop(signals);
        match completed {
            Some(signal) => child::report_stop(task.kernel(), group, signal),
            None => task.parker().park(None),
        }
    }
    task.set_stopped(false);
}

/// The signals that stop, without SIGSTOP: those that an orphaned process group ignores.
pub const FROM_TERMINAL: SigSet = Signal::TSTP.set().union(Signal::TTIN.set()).union(Signal::TTOU.set());
