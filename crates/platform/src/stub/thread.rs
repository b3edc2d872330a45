//! The sandbox process's end of a context page: commands to a stub's thread, and its reports.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use lazaret_hostcall::notify::Notification;
use rustix::{
    fd::{AsFd, OwnedFd},
    process::Pid,
    thread::futex,
};

use super::{
    chunk::Slot,
    notifier::Order,
    pace::Pace,
    process::Process,
    reaper,
    shared::{
        CHUNK_FD, COMMAND_CALL, COMMAND_CALLS, COMMAND_EXIT, MAX_CALLS, PRIVATE_FD, REPORT_BORN, REPORT_DONE, SHARED_FD,
    },
};
use crate::{Error, Result};

/// How long a gathered pair waits for each other before it is let go. Longer than most hosts' timer ticks are apart: a
/// timer that is the processor's next one has its hardware set when it starts and again when it is given up, and in a
/// virtual machine each of the two costs more than the rest of a hand-over.
const GATHERED: futex::Timespec = futex::Timespec { tv_sec: 0, tv_nsec: 5_000_000 };

/// A longer wait is made of such pieces. They are counted, not the time: a sandbox that was frozen for
/// long has missed one of them.
const PIECE: futex::Timespec = futex::Timespec { tv_sec: 1, tv_nsec: 0 };
/// In how many pieces a stub must carry out a command.
const COMMAND_PATIENCE: u32 = 30;
/// In how many pieces it must do what it is about when it is to end.
const LAST_PATIENCE: u32 = 2;

/// A host call for the stub: number and arguments.
pub(super) type Call = [u64; 7];

/// One of several host calls that a stub makes in a row.
#[derive(Clone)]
pub(super) enum Step {
    /// A call that the filter leaves open.
    Open(Call),
    /// Takes a file as [`PRIVATE_FD`], in place of what was there.
    Take(Arc<OwnedFd>),
    /// A mapping that the filter guards: of the file, which the stub has as [`SHARED_FD`] meanwhile.
    Share(Call, Arc<OwnedFd>),
    /// Another call that the filter guards.
    Guarded(Call),
}

impl Step {
    /// Closes a descriptor of the stub's.
    pub fn close(fd: u32) -> Step {
        Step::Open([libc::SYS_close.cast_unsigned(), fd.into(), 0, 0, 0, 0, 0])
    }

    /// The call, which shows `nonce` if it is guarded.
    fn call(&self, nonce: u32) -> Call {
        match self {
            Step::Open(call) => *call,
            Step::Take(_) => [libc::SYS_openat.cast_unsigned(), 0, 0, 0, 0, 0, nonce.into()],
            Step::Share([number, a, b, c, d, _, offset], _) => {
                [*number, *a, *b, *c, *d, u64::from(nonce) << 32 | u64::from(SHARED_FD), *offset]
            }
            Step::Guarded([number, a, b, c, d, e, _]) => [*number, *a, *b, *c, *d, *e, nonce.into()],
        }
    }
}

/// A guarded call that a stub was ordered to make.
pub(super) struct Awaited {
    nonce: u32,
    step: Step,
}

/// A thread of a stub, stopped in the stub's code unless it was told to resume.
pub(super) struct Thread {
    pub slot: Slot,
    pub process: Arc<Process>,
    /// Its host id. Nothing but whom an interrupt reaches hangs on it.
    pub id: Pid,
    /// A copy that waits for its slots, with its call that asks for them.
    pub unborn: Option<Notification>,
    /// Last value of `report_seq` that was seen.
    pub reports: u32,
    /// It is to end.
    pub ending: Arc<AtomicBool>,
    pub pace: Pace,
    /// The application was never in it.
    pub is_zygote: bool,
}

impl Thread {
    pub fn new(slot: Slot, process: Arc<Process>, id: Pid) -> Thread {
        Thread {
            slot,
            process,
            id,
            unborn: None,
            reports: 0,
            ending: Arc::default(),
            pace: Pace::default(),
            is_zygote: false,
        }
    }

    /// Gives a command. Its report is to be awaited before the next one.
    pub fn command(&mut self, command: u32, arguments: &[u64]) {
        let page = self.slot.page();
        for (place, argument) in page.arguments.iter().zip(arguments) {
            place.store(*argument, Ordering::Relaxed);
        }
        page.command.store(command, Ordering::Relaxed);
        // Sequentially consistent, so that the look at the sleep flag comes after it.
        page.command_seq.fetch_add(1, Ordering::SeqCst);
        if self.unborn.is_some() {
            self.bear();
        } else if page.stub_asleep.load(Ordering::SeqCst) != 0 {
            let _ = futex::wake(&page.command_seq, futex::Flags::empty(), 1);
        }
    }

    /// Lets a copy of a stub begin, if it did not yet.
    pub fn bear(&mut self) {
        if let Some(call) = self.unborn.take() {
            let notifier = &self.process.shared.notifier;
            if notifier.answer(&call, self.slot.fd().as_fd(), CHUNK_FD).is_err() {
                // It would wait for ever.
                reaper::kill(&self.process);
            }
        }
    }

    /// The stub reported, or died, since the last [`Thread::report`].
    pub fn has_reported(&self) -> bool {
        self.process.is_dead() || self.slot.page().report_seq.load(Ordering::Acquire) != self.reports
    }

    /// Waits for the report of an application that runs, which may take any time.
    ///
    /// # Errors
    /// `Dead`
    pub fn trap(&mut self) -> Result<u32> {
        self.report(None)
    }

    /// Waits for the next report. A stub that does not answer in so many pieces of time, or goes on
    /// when it is to end, is killed.
    fn report(&mut self, patience: Option<u32>) -> Result<u32> {
        let (mut pieces, mut last_pieces) = (0, 0);
        let page = self.slot.page();
        let seen = self.reports;
        self.pace.wait(&self.process.shared.load, page.cpu.load(Ordering::Relaxed), || {
            page.report_seq.load(Ordering::Acquire) != seen
        });
        loop {
            let reports = page.report_seq.load(Ordering::SeqCst);
            // Death is marked before the count changes for it.
            if self.process.is_dead() {
                return Err(Error::Dead);
            }
            if reports != self.reports {
                self.reports = reports;
                return Ok(page.report.load(Ordering::Relaxed));
            }
            page.kernel_asleep.store(1, Ordering::SeqCst);
            if page.report_seq.load(Ordering::SeqCst) == self.reports {
                let gathered = self.pace.is_gathered();
                let timeout = if gathered { GATHERED } else { PIECE };
                let result = futex::wait(&page.report_seq, futex::Flags::empty(), self.reports, Some(&timeout));
                match result {
                    Err(rustix::io::Errno::TIMEDOUT) if gathered => {
                        self.pace.scatter(self.id, &self.process.shared.load);
                    }
                    Err(rustix::io::Errno::TIMEDOUT) => {
                        pieces += 1;
                        last_pieces += u32::from(self.ending.load(Ordering::SeqCst));
                    }
                    _ => {}
                }
            }
            page.kernel_asleep.store(0, Ordering::Relaxed);
            if last_pieces >= LAST_PATIENCE || patience.is_some_and(|patience| pieces >= patience) {
                reaper::kill(&self.process);
                return Err(Error::Corrupted("does not answer"));
            }
        }
    }

    /// Waits until a command is done, and returns its result.
    ///
    /// # Errors
    /// `Host` with the command's error.
    pub fn done(&mut self) -> Result<u64> {
        self.done_within(Some(COMMAND_PATIENCE))
    }

    fn done_within(&mut self, patience: Option<u32>) -> Result<u64> {
        match self.report(patience)? {
            REPORT_DONE => outcome(self.slot.page().result.load(Ordering::Relaxed)),
            _ => Err(Error::Corrupted("reports something else than the end of its command")),
        }
    }

    /// Has the stub carry out a command that ends by itself.
    pub fn execute(&mut self, command: u32, arguments: &[u64]) -> Result<u64> {
        self.come_together();
        loop {
            self.command(command, arguments);
            match self.done() {
                // By a signal from outside the sandbox.
                Err(Error::Host(libc::EINTR)) => {}
                result => return result,
            }
        }
    }

    /// Brings the stub's thread to this processor, unless it waits awake on its own.
    fn come_together(&mut self) {
        if !self.pace.is_hot() && !self.process.is_dead() {
            self.pace.gather(self.id, &self.process.shared.load);
        }
    }

    /// Has the stub make a host call that its filter leaves open.
    pub fn call(&mut self, call: Call) -> Result<u64> {
        self.execute(COMMAND_CALL, &call)
    }

    /// Has the stub make host calls one after the other, until one fails. Returns the last one's result.
    ///
    /// # Errors
    /// `Host` with the error of the one that failed.
    pub fn calls(&mut self, steps: &[Step]) -> Result<u64> {
        self.calls_within(steps, Some(COMMAND_PATIENCE))
    }

    /// As [`Thread::calls`], for what may take the host any time.
    pub fn long_calls(&mut self, steps: &[Step]) -> Result<u64> {
        self.calls_within(steps, None)
    }

    fn calls_within(&mut self, steps: &[Step], patience: Option<u32>) -> Result<u64> {
        self.come_together();
        let mut result = Ok(0);
        for steps in steps.chunks(MAX_CALLS) {
            result = loop {
                let awaited = self.put_calls(steps)?;
                self.command(COMMAND_CALLS, &[]);
                self.serve(&awaited)?;
                match self.done_within(patience) {
                    // By a signal from outside the sandbox. What was done may be done again.
                    Err(Error::Host(libc::EINTR)) => {}
                    result => break result,
                }
            };
            if result.is_err() {
                break;
            }
        }
        result
    }

    /// Writes at most [`MAX_CALLS`] calls to the page. What it returns is to be served once the stub was told to
    /// make them.
    pub fn put_calls(&self, steps: &[Step]) -> Result<Vec<Awaited>> {
        let page = self.slot.page();
        let notifier = &self.process.shared.notifier;
        let mut awaited = Vec::new();
        for (place, step) in page.calls.iter().zip(steps) {
            let mut nonce = 0;
            if !matches!(step, Step::Open(_)) {
                nonce = notifier.nonce();
                let [number, arguments @ ..] = step.call(nonce);
                let number = i32::try_from(number).map_err(|_| Error::Host(libc::ENOSYS))?;
                notifier.expect(nonce, Order { number, arguments });
                awaited.push(Awaited { nonce, step: step.clone() });
            }
            for (word, value) in place.iter().zip(step.call(nonce)) {
                word.store(value, Ordering::Relaxed);
            }
        }
        // At most MAX_CALLS.
        page.calls_count.store(u16::try_from(steps.len()).unwrap_or_default(), Ordering::Relaxed);
        Ok(awaited)
    }

    /// Answers the guarded calls among those that the stub is making now.
    pub fn serve(&self, awaited: &[Awaited]) -> Result<()> {
        let notifier = &self.process.shared.notifier;
        let mut result = Ok(());
        for Awaited { nonce, step } in awaited {
            if result.is_err() {
                notifier.forget(*nonce);
                continue;
            }
            result = notifier.wait(*nonce, || self.has_reported()).and_then(|notification| {
                // None: an earlier one failed.
                let Some(notification) = notification else { return Ok(()) };
                match step {
                    Step::Take(fd) => notifier.answer(&notification, fd.as_fd(), PRIVATE_FD),
                    Step::Share(_, fd) => notifier
                        .give(&notification, fd.as_fd(), SHARED_FD)
                        .and_then(|()| notifier.resume(&notification)),
                    Step::Guarded(_) | Step::Open(_) => notifier.resume(&notification),
                }
            });
        }
        result
    }

    /// Waits until the zygote is ready for commands.
    pub fn is_born(&mut self) -> Result<()> {
        match self.report(Some(COMMAND_PATIENCE))? {
            REPORT_BORN => Ok(()),
            _ => Err(Error::Corrupted("reports something before it is born")),
        }
    }

    /// Ends the thread. The first thread of a process stays, stopped: without it the host would
    /// not find the process's memory any more.
    pub fn leave(&mut self) {
        self.process.thread_ends();
        if self.slot.index != 0 && !self.process.is_dead() {
            self.process.leave_slot(self.slot.clone(), self.reports);
            self.command(COMMAND_EXIT, &[]);
        }
    }
}

/// A host call's result, as the host returns it.
pub(super) fn outcome(result: u64) -> Result<u64> {
    match result.cast_signed() {
        error @ -4095..=-1 => Err(Error::Host(i32::try_from(-error).unwrap_or(libc::EIO))),
        _ => Ok(result),
    }
}
