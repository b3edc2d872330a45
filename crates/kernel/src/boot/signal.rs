//! Signals from outside, and the end of a container.

use lazaret_abi::{
    errno::Errno,
    signal::{SigInfo, Signal, code},
};

use super::Container;
use crate::{
    signal::send_to_process,
    sync::Arc,
    task::{group::ThreadGroup, tree::Node},
    wait::{Events, Interruptible, wait_until},
};

/// Processes of a container that a signal is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Targets {
    /// One, by its id in the container.
    Process(i32),
    /// The foreground process group of the terminal that a process was started with.
    Foreground(i32),
    /// Every process of the container. With SIGKILL all are gone afterwards.
    All,
}

impl Container {
    /// Sends a signal, or with 0 asks whether there is anybody to send it to, as kill(2) has it.
    ///
    /// # Errors
    /// `EINVAL` for what is no signal; `ESRCH` when the container has no such process (another container
    /// of the sandbox may), `ENOTTY` when it was not started with a terminal.
    pub fn signal(&self, targets: Targets, signal: i32) -> Result<(), Errno> {
        let signal = if signal == 0 { None } else { Some(Signal::new(signal).ok_or(Errno::EINVAL)?) };
        if targets == Targets::All && signal == Some(Signal::KILL) {
            self.kill_all();
            return Ok(());
        }
        let targets = match targets {
            Targets::All => self.living(|_| true),
            // The number of those that cannot be seen from the container's pid namespace.
            Targets::Process(0) => Vec::new(),
            Targets::Process(pid) => self.living(|node| node.process.pid().number_in(self.pids()) == pid),
            Targets::Foreground(pid) => {
                let group = self.console(pid)?.terminal().foreground();
                self.living(|node| Some(node.group.global()) == group)
            }
        };
        if targets.is_empty() {
            return Err(Errno::ESRCH);
        }
        let Some(signal) = signal else { return Ok(()) };
        for target in targets {
            send_to_process(&target, signal, SigInfo::sent(signal, code::USER, 0, 0), true)?;
        }
        Ok(())
    }

    /// Kills every process of the container and returns when they are gone.
    pub fn kill_all(&self) {
        loop {
            let living = self.living(|_| true);
            for process in &living {
                // SIGKILL is never refused.
                let _ = send_to_process(process, Signal::KILL, SigInfo::sent(Signal::KILL, code::USER, 0, 0), true);
            }
            // A process that was about to fork when it was killed may leave a child: hence the loop.
            let Some(process) = living.first() else { return };
            // Cannot fail: nothing interrupts it and there is no deadline.
            let _ = wait_until(&[(&process.ended, Events::all())], None, Interruptible::Nothing, || {
                process.ended_with.get().copied()
            });
        }
    }

    /// The processes that have not ended and that `chosen` wants.
    fn living(&self, chosen: impl Fn(&Node) -> bool) -> Vec<Arc<ThreadGroup>> {
        let tree = self.kernel().processes();
        let living = tree.nodes_of(self.cgroup()).filter(|node| node.zombie.is_none() && chosen(node));
        living.map(|node| node.process.clone()).collect()
    }
}
