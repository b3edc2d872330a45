//! What a process does with its signals; see sigaction(2), signal(7).

use lazaret_abi::signal::{SigAction, SigSet, Signal, action, handler};
use lazaret_snapshot::Snapshot;

use crate::sync::Mutex;

/// What happens by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultAction {
    /// The process ends.
    Terminate,
    /// The process ends, with a core dump where these are made.
    Core,
    /// The process stops.
    Stop,
    /// The process continues if it was stopped.
    Continue,
    /// Nothing.
    Ignore,
}

/// Signals that stop by default.
pub const STOPPING: SigSet =
    Signal::STOP.set().union(Signal::TSTP.set()).union(Signal::TTIN.set()).union(Signal::TTOU.set());

/// The default action of a signal.
pub fn default_action(signal: Signal) -> DefaultAction {
    match signal {
        Signal::CHLD | Signal::URG | Signal::WINCH => DefaultAction::Ignore,
        Signal::CONT => DefaultAction::Continue,
        Signal::STOP | Signal::TSTP | Signal::TTIN | Signal::TTOU => DefaultAction::Stop,
        Signal::QUIT
        | Signal::ILL
        | Signal::TRAP
        | Signal::ABRT
        | Signal::BUS
        | Signal::FPE
        | Signal::SEGV
        | Signal::XCPU
        | Signal::XFSZ
        | Signal::SYS => DefaultAction::Core,
        _ => DefaultAction::Terminate,
    }
}

/// The actions of a process for all signals; shared by tasks cloned with CLONE_SIGHAND.
#[derive(Snapshot)]
pub struct SignalActions {
    table: Mutex<[SigAction; 64]>,
}

impl Default for SignalActions {
    fn default() -> SignalActions {
        SignalActions { table: Mutex::new([SigAction::default(); 64]) }
    }
}

fn index(signal: Signal) -> usize {
    // 1 to 64, so that nothing is lost and nothing wraps.
    signal.get() as usize - 1
}

impl SignalActions {
    /// A copy for fork(2).
    pub fn duplicate(&self) -> SignalActions {
        SignalActions { table: Mutex::new(*self.table.lock()) }
    }

    /// The action for a signal.
    pub fn get(&self, signal: Signal) -> SigAction {
        self.table.lock()[index(signal)]
    }

    /// Sets the action for a signal and returns the old one.
    pub fn set(&self, signal: Signal, action: SigAction) -> SigAction {
        std::mem::replace(&mut self.table.lock()[index(signal)], action)
    }

    /// Back to the defaults, but ignored signals stay ignored (execve, CLONE_CLEAR_SIGHAND).
    pub fn reset_handlers(&self) {
        for action in self.table.lock().iter_mut() {
            let kept = if action.handler == handler::IGN { handler::IGN } else { handler::DFL };
            *action = SigAction { handler: kept, ..SigAction::default() };
        }
    }

    /// The action ignores the signal, explicitly or by default.
    pub fn ignores(&self, signal: Signal) -> bool {
        match self.get(signal).handler {
            handler::IGN => true,
            handler::DFL => matches!(default_action(signal), DefaultAction::Ignore | DefaultAction::Continue),
            _ => false,
        }
    }

    /// The signal ends the process, having no handler.
    pub fn is_fatal(&self, signal: Signal) -> bool {
        self.get(signal).handler == handler::DFL
            && matches!(default_action(signal), DefaultAction::Terminate | DefaultAction::Core)
    }

    /// Signals that are ignored, and signals that have a handler (`/proc/PID/status`).
    pub fn ignored_and_caught(&self) -> (SigSet, SigSet) {
        let (mut ignored, mut caught) = (SigSet::EMPTY, SigSet::EMPTY);
        for (signal, action) in Signal::all().zip(self.table.lock().iter()) {
            match action.handler {
                handler::DFL => {}
                handler::IGN => ignored.insert(signal),
                _ => caught.insert(signal),
            }
        }
        (ignored, caught)
    }

    /// Children leave no zombies: SIGCHLD is ignored or has SA_NOCLDWAIT.
    pub fn reaps_children(&self) -> bool {
        let child = self.get(Signal::CHLD);
        child.handler == handler::IGN || child.has(action::NOCLDWAIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exec_keeps_what_is_ignored() {
        let actions = SignalActions::default();
        actions.set(Signal::INT, SigAction { handler: handler::IGN, ..SigAction::default() });
        actions.set(Signal::MAX, SigAction { handler: 0x1000, ..SigAction::default() });
        let (ignored, caught) = actions.ignored_and_caught();
        assert_eq!((ignored, caught), (Signal::INT.set(), Signal::MAX.set()));
        actions.reset_handlers();
        assert!(actions.ignores(Signal::INT) && actions.is_fatal(Signal::MAX));
        assert!(actions.ignores(Signal::CHLD) && !actions.reaps_children());
    }
}
