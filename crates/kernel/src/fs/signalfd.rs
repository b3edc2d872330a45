//! signalfd(2): signals that are read.

use lazaret_abi::{
    errno::Errno,
    signal::{SigInfo, SigSet, Signal, SignalfdInfo, code},
};
use zerocopy::IntoBytes;

use super::{
    anon,
    file::{File, FileOps, flags},
};
use crate::{
    signal::wait,
    sync::{Arc, Mutex},
    task::Task,
    uio::Sink,
    wait::{Events, Poller, take_or_wait},
};

/// The operations of a signalfd. What it reads are the reader's signals, whoever made it.
pub struct SignalFd {
    mask: Mutex<SigSet>,
}

/// A new signalfd. `status` may hold O_NONBLOCK.
pub fn create(mask: SigSet, status: u32) -> Arc<File> {
    let ops = SignalFd { mask: Mutex::new(readable(mask)) };
    anon::anonymous_file("[signalfd]", Box::new(ops), flags::RDWR | status)
}

fn readable(mask: SigSet) -> SigSet {
    mask.difference(SigSet::UNBLOCKABLE)
}

impl SignalFd {
    /// The signalfd of an open file, if it is one.
    pub fn of(file: &File) -> Option<&SignalFd> {
        file.ops().downcast_ref()
    }

    /// Changes what it reads.
    pub fn set_mask(&self, mask: SigSet) {
        *self.mask.lock() = readable(mask);
    }

    /// What it reads.
    pub fn mask(&self) -> SigSet {
        *self.mask.lock()
    }
}

/// A signal as signalfd(2) shows it.
fn record(signal: Signal, info: &SigInfo) -> SignalfdInfo {
    let mut record = SignalfdInfo {
        signal: signal.get().unsigned_abs(),
        errno: info.errno,
        code: info.code,
        ..SignalfdInfo::default()
    };
    match info.code {
        code::TIMER => {
            record.tid = info.timer_id().cast_unsigned();
            record.overrun = info.overrun().cast_unsigned();
            record.value = info.value();
        }
        code::SIGIO => {}
        _ if matches!(signal, Signal::SEGV | Signal::BUS | Signal::ILL | Signal::FPE | Signal::TRAP)
            && info.code > 0 =>
        {
            record.address = info.address();
        }
        _ => {
            record.pid = info.pid().cast_unsigned();
            record.uid = info.uid();
            if signal == Signal::CHLD && info.code > 0 {
                record.status = info.status();
                (record.user_time, record.system_time) = (info.fields[2], info.fields[3]);
            } else if info.code < 0 {
                record.value = info.value();
            }
        }
    }
    // The low half of the value, as a number.
    record.int = (record.value as u32).cast_signed();
    record
}

impl FileOps for SignalFd {
    fn read(&self, file: &File, _offset: &mut u64, sink: &mut dyn Sink) -> Result<usize, Errno> {
        let size = size_of::<SignalfdInfo>();
        if sink.remaining() < size {
            return Err(Errno::EINVAL);
        }
        let task = Task::try_current().ok_or(Errno::EINVAL)?;
        let mut done = 0;
        while sink.remaining() >= size {
            let (signal, info) = match wait::take_from(&task, self.mask()) {
                Some(taken) => taken,
                None if done > 0 => break,
                None => {
                    let queue = task.group().signal_sent.clone();
                    take_or_wait(file.is_nonblocking(), &queue, Events::READABLE, || {
                        wait::take_from(&task, self.mask())
                    })?
                }
            };
            done += sink.put(record(signal, &info).as_bytes())?;
        }
        Ok(done)
    }

    fn is_seekable(&self) -> bool {
        false
    }

    fn seeks_to_start(&self) -> bool {
        true
    }

    fn can_poll(&self) -> bool {
        true
    }

    fn poll(&self, _file: &File, poller: Option<&mut Poller>) -> Events {
        let Some(task) = Task::try_current() else { return Events::empty() };
        if let Some(poller) = poller {
            poller.register(&task.group().signal_sent, Events::READABLE);
        }
        if task.pending().intersection(self.mask()).is_empty() { Events::empty() } else { Events::READABLE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_show_what_the_signal_tells() {
        let info = SigInfo::queued(Signal::USR1, code::QUEUE, 7, 1000, 5);
        let record = record(Signal::USR1, &info);
        assert_eq!((record.signal, record.pid, record.uid, record.value, record.int), (10, 7, 1000, 5, 5));
        assert_eq!(size_of::<SignalfdInfo>(), 128);
    }
}
