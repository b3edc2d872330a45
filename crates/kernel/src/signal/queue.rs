//! Pending signals of a task or process.

use std::collections::VecDeque;

use lazaret_abi::{
    errno::Errno,
    signal::{SigInfo, SigSet, Signal, code},
};
use lazaret_snapshot::Snapshot;

/// Signals that an instruction of the task itself caused; they are taken before all others.
pub const SYNCHRONOUS: SigSet = Signal::SEGV
    .set()
    .union(Signal::BUS.set())
    .union(Signal::ILL.set())
    .union(Signal::TRAP.set())
    .union(Signal::FPE.set())
    .union(Signal::SYS.set());

/// Signals that were sent and not yet taken.
///
/// A standard signal is pending once however often it is sent; real-time signals queue, in order,
/// with the lowest number taken first; see signal(7).
#[derive(Clone, Debug, Default, Snapshot)]
pub struct Pending {
    set: SigSet,
    queue: VecDeque<SigInfo>,
}

impl Pending {
    /// The signals that are pending.
    pub fn set(&self) -> SigSet {
        self.set
    }

    /// How many signals with their information are queued.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// Adds a signal. `has_room` tells whether the limit of queued signals (RLIMIT_SIGPENDING) allows
    /// one more.
    ///
    /// # Errors
    /// `EAGAIN` for a real-time signal without room, unless it came from kill(2), which then loses
    /// its information but not the signal.
    pub fn push(&mut self, signal: Signal, info: SigInfo, has_room: bool) -> Result<(), Errno> {
        if !signal.is_realtime() {
            if !self.set.contains(signal) {
                self.set.insert(signal);
                // A standard signal is queued at most once, so it needs no limit.
                self.queue.push_back(info);
            }
            return Ok(());
        }
        if has_room {
            self.queue.push_back(info);
        } else if info.code < 0 && info.code != code::TKILL {
            return Err(Errno::EAGAIN);
        }
        self.set.insert(signal);
        Ok(())
    }

    /// Adds to the overrun count of a POSIX timer's signal that is pending; false if none is.
    pub fn add_overrun(&mut self, signal: Signal, timer: i32, count: i32) -> bool {
        let is_it =
            |info: &&mut SigInfo| info.signal == signal.get() && info.code == code::TIMER && info.timer_id() == timer;
        match self.queue.iter_mut().find(is_it) {
            Some(info) => {
                *info = SigInfo::timer(signal, timer, info.overrun().saturating_add(count), info.value());
                true
            }
            None => false,
        }
    }

    /// Takes the next signal that is not `blocked`.
    pub fn take(&mut self, blocked: SigSet) -> Option<(Signal, SigInfo)> {
        let ready = self.set.difference(blocked);
        let signal = ready.intersection(SYNCHRONOUS).iter().next().or_else(|| ready.iter().next())?;
        Some((signal, self.take_one(signal)))
    }

    /// Takes one occurrence of `signal`, which is pending.
    fn take_one(&mut self, signal: Signal) -> SigInfo {
        let is_it = |info: &SigInfo| info.signal == signal.get();
        let position = self.queue.iter().position(is_it);
        let info = position.and_then(|position| self.queue.remove(position));
        if !self.queue.iter().any(is_it) {
            self.set.remove(signal);
        }
        // Queued without information, for lack of room.
        info.unwrap_or_else(|| SigInfo::sent(signal, code::USER, 0, 0))
    }

    /// Forgets all signals of a set.
    pub fn discard(&mut self, set: SigSet) {
        if self.set.intersection(set).is_empty() {
            return;
        }
        self.set = self.set.difference(set);
        self.queue.retain(|info| Signal::new(info.signal).is_some_and(|signal| !set.contains(signal)));
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Pending::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(number: i32, value: u64) -> (Signal, SigInfo) {
        let signal = Signal::new(number).unwrap();
        (signal, SigInfo::queued(signal, code::QUEUE, 1, 0, value))
    }

    fn push(pending: &mut Pending, number: i32, value: u64) {
        let (signal, info) = sent(number, value);
        pending.push(signal, info, true).unwrap();
    }

    #[test]
    fn standard_signals_coalesce_and_realtime_ones_queue() {
        let mut pending = Pending::default();
        for value in 0..3 {
            push(&mut pending, 10, value);
            push(&mut pending, 40, value);
        }
        assert_eq!(pending.len(), 4);
        let mut taken = Vec::new();
        while let Some((signal, info)) = pending.take(SigSet::EMPTY) {
            taken.push((signal.get(), info.value()));
        }
        assert_eq!(taken, [(10, 0), (40, 0), (40, 1), (40, 2)]);
        assert!(pending.is_empty());
    }

    #[test]
    fn faults_come_first_and_blocked_ones_stay() {
        let mut pending = Pending::default();
        push(&mut pending, 1, 0);
        push(&mut pending, 11, 0);
        push(&mut pending, 2, 0);
        assert_eq!(pending.take(SigSet::EMPTY).unwrap().0, Signal::SEGV);
        assert_eq!(pending.take(Signal::HUP.set()).unwrap().0, Signal::INT);
        assert_eq!(pending.take(Signal::HUP.set()), None);
        pending.discard(Signal::HUP.set());
        assert!(pending.is_empty() && pending.is_empty());
    }

    #[test]
    fn without_room_sigqueue_fails_and_kill_does_not() {
        let mut pending = Pending::default();
        let (signal, info) = sent(40, 1);
        assert_eq!(pending.push(signal, info, false), Err(Errno::EAGAIN));
        let killed = SigInfo::sent(signal, code::USER, 5, 0);
        pending.push(signal, killed, false).unwrap();
        assert_eq!(pending.take(SigSet::EMPTY).unwrap().1.pid(), 0);
        assert!(pending.is_empty());
    }
}
