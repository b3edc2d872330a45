//! The sandbox process's end of a context page: commands to a stub's thread, and its reports.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use rustix::{
    fd::{AsFd, OwnedFd},
    process::Pid,
    thread::futex,
};

use super::{
    chunk::Slot,
    filter::clone_arguments,
    notifier::Order,
    pace::Pace,
    patch::Code,
    process::{NewSlot, Process},
    reaper::{self, Birth},
    shared::{
        CHUNK_SIZE, COMMAND_CALL, COMMAND_CALLS, COMMAND_EXIT, COMMAND_FORK, COMMAND_SPAWN, CONTEXT_BASE, MAX_CALLS,
        PRIVATE_FD, REPORT_BORN, REPORT_DONE, SHARED_FD,
    },
    strays,
};
use crate::{Error, Result};

/// How long a gathered pair waits for each other before it is let go.
const GATHERED: futex::Timespec = futex::Timespec { tv_sec: 0, tv_nsec: 1_000_000 };

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
    /// Last value of `report_seq` that was seen.
    reports: u32,
    /// It is to end.
    pub ending: Arc<AtomicBool>,
    pub pace: Pace,
    /// The application was never in it.
    pub is_zygote: bool,
}

impl Thread {
    pub fn new(slot: Slot, process: Arc<Process>, id: Pid) -> Thread {
        Thread { slot, process, id, reports: 0, ending: Arc::default(), pace: Pace::default(), is_zygote: false }
    }

    /// Gives a command. Its report is to be awaited before the next one.
    pub fn command(&self, command: u32, arguments: &[u64]) {
        let page = self.slot.page();
        for (place, argument) in page.arguments.iter().zip(arguments) {
            place.store(*argument, Ordering::Relaxed);
        }
        page.command.store(command, Ordering::Relaxed);
        // Sequentially consistent, so that the look at the sleep flag comes after it.
        page.command_seq.fetch_add(1, Ordering::SeqCst);
        if page.stub_asleep.load(Ordering::SeqCst) != 0 {
            let _ = futex::wake(&page.command_seq, futex::Flags::empty(), 1);
        }
    }

    /// The stub reported, or died, since the last [`Thread::report`].
    fn has_reported(&self) -> bool {
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
    fn done(&mut self) -> Result<u64> {
        match self.report(Some(COMMAND_PATIENCE))? {
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
        self.come_together();
        let mut result = Ok(0);
        for steps in steps.chunks(MAX_CALLS) {
            result = loop {
                let awaited = self.put_calls(steps)?;
                self.command(COMMAND_CALLS, &[]);
                self.serve(&awaited)?;
                match self.done() {
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

    /// Makes a copy of the process, `here` on this processor, or in nobody's way; the result is the copy's only thread.
    pub fn fork(&mut self, here: bool) -> Result<Thread> {
        let birth = Birth::begin();
        let mut cloned = false;
        let result = self.copy(here, &birth, &mut cloned);
        drop(birth);
        if cloned && result.is_err() {
            strays::end_copies(&self.process);
        }
        result
    }

    /// As [`Thread::fork`]; `cloned` becomes true when the host was allowed to make the copy.
    fn copy(&mut self, here: bool, birth: &Birth, cloned: &mut bool) -> Result<Thread> {
        let shared = Arc::clone(&self.process.shared);
        let chunk = Arc::new(shared.pool.take().map_err(host)?);
        let slot = Slot::new(Arc::clone(&chunk), 0);
        slot.prepare(shared.flags, shared.features);

        let nonce = shared.notifier.nonce();
        let [flags, stack, parent, child, tls] = clone_arguments(false);
        let number = i32::try_from(libc::SYS_clone).map_err(|_| Error::Host(libc::ENOSYS))?;
        let arguments = [flags, stack, parent, child, tls, nonce.into()];
        shared.notifier.expect(nonce, Order { number, arguments });
        if here {
            self.pace.gather(self.id, &shared.load);
        } else {
            self.pace.stand_aside(self.id, &shared.load);
        }
        self.command(COMMAND_FORK, &[nonce.into()]);
        let Some(clone) = shared.notifier.wait(nonce, || self.has_reported())? else {
            self.done()?;
            return Err(Error::Corrupted("reports a copy that it did not make"));
        };

        // The copy shows the same nonce when it asks for its chunk.
        let number = i32::try_from(libc::SYS_mmap).map_err(|_| Error::Host(libc::ENOSYS))?;
        let read_write = u64::from(rustix::mm::ProtFlags::READ.union(rustix::mm::ProtFlags::WRITE).bits());
        let flags = u64::from(rustix::mm::MapFlags::SHARED.union(rustix::mm::MapFlags::FIXED).bits());
        let fd = u64::from(nonce) << 32 | u64::from(SHARED_FD);
        let arguments = [CONTEXT_BASE, CHUNK_SIZE, read_write, flags, fd, 0];
        shared.notifier.expect(nonce, Order { number, arguments });
        *cloned = true;
        shared.notifier.resume(&clone)?;
        let born = shared.notifier.wait(nonce, || self.is_childless(birth))?;
        self.done()?;
        let Some(born) = born else {
            return Err(Error::Host(libc::EAGAIN));
        };

        let pid = Pid::from_raw(born.thread).ok_or(Error::Corrupted("is in no process namespace of ours"))?;
        let code = if self.is_zygote { Code::new(shared.proc.is_none()) } else { self.process.code.copy() };
        let process = Process::new(pid, Arc::clone(&chunk), code, Arc::clone(&shared));
        *process.held.lock() = self.process.held.lock().clone();
        let process = Arc::new(process);
        // A thread of the parent may pretend to be the copy.
        let is_process = lazaret_hostcall::remote::signal_thread(pid, pid, None).is_ok();
        if !is_process || !reaper::register(&process) {
            shared.notifier.punish(&born);
            return Err(Error::Corrupted("shows a copy that is none"));
        }
        let mut thread = Thread::new(slot, process, pid);
        thread.pace = self.pace.child();
        let answered =
            shared.notifier.give(&born, chunk.fd().as_fd(), SHARED_FD).and_then(|()| shared.notifier.resume(&born));
        if let Err(error) = answered.and_then(|()| thread.is_born()) {
            reaper::kill(&thread.process);
            return Err(if error == Error::Dead { Error::Host(libc::EAGAIN) } else { error });
        }
        Ok(thread)
    }

    /// No copy will come any more: this process is dead, the call failed, or the copy died.
    fn is_childless(&self, birth: &Birth) -> bool {
        if self.process.is_dead() {
            return true;
        }
        if !self.has_reported() {
            return false;
        }
        match outcome(self.slot.page().result.load(Ordering::Relaxed)) {
            Ok(pid) => i32::try_from(pid).ok().and_then(Pid::from_raw).is_none_or(|pid| birth.is_still(pid)),
            Err(_) => true,
        }
    }

    /// Waits until a new thread is ready for commands.
    pub fn is_born(&mut self) -> Result<()> {
        match self.report(Some(COMMAND_PATIENCE))? {
            REPORT_BORN => Ok(()),
            _ => Err(Error::Corrupted("reports something before it is born")),
        }
    }

    /// Starts another thread of the process.
    pub fn spawn(&mut self) -> Result<Thread> {
        self.process.thread_starts();
        let result = self.clone_thread();
        if result.is_err() {
            self.process.thread_ends();
        }
        result
    }

    fn clone_thread(&mut self) -> Result<Thread> {
        let shared = Arc::clone(&self.process.shared);
        let slot = self.new_slot()?;
        slot.prepare(shared.flags, shared.features);

        let nonce = shared.notifier.nonce();
        let [flags, stack, parent, child, tls] = clone_arguments(true);
        let number = i32::try_from(libc::SYS_clone).map_err(|_| Error::Host(libc::ENOSYS))?;
        let arguments = [flags, stack, parent, child, tls, nonce.into()];
        shared.notifier.expect(nonce, Order { number, arguments });
        self.command(COMMAND_SPAWN, &[slot.address(), nonce.into()]);
        if let Some(clone) = shared.notifier.wait(nonce, || self.has_reported())? {
            shared.notifier.resume(&clone)?;
        }
        let done = self.done();
        strays::check_threads(&self.process)?;
        let id = match done {
            Ok(id) => id,
            Err(error) => {
                // No thread has it: as if one had left it just now.
                let reports = slot.page().report_seq.load(Ordering::Relaxed).wrapping_sub(1);
                self.process.leave_slot(slot, reports);
                return Err(error);
            }
        };
        let id =
            i32::try_from(id).ok().and_then(Pid::from_raw).ok_or(Error::Corrupted("shows a thread that is none"))?;
        if lazaret_hostcall::remote::signal_thread(self.process.pid(), id, None).is_err() {
            return Err(Error::Corrupted("shows a thread that is not its own"));
        }
        let mut thread = Thread::new(slot, Arc::clone(&self.process), id);
        thread.pace = self.pace.child();
        thread.is_born()?;
        Ok(thread)
    }

    fn new_slot(&mut self) -> Result<Slot> {
        loop {
            match self.process.take_slot().map_err(host)? {
                NewSlot::Ready(slot) => return Ok(slot),
                NewSlot::Unmapped(chunk, position) => {
                    let address = CONTEXT_BASE + position as u64 * CHUNK_SIZE;
                    let read_write = u64::from(rustix::mm::ProtFlags::READ.union(rustix::mm::ProtFlags::WRITE).bits());
                    let flags = u64::from(rustix::mm::MapFlags::SHARED.union(rustix::mm::MapFlags::FIXED).bits());
                    // Two threads may come here at once, and the second would replace the chunk
                    // of the first, if the place were not reserved while it is mapped.
                    let growing = Arc::clone(&self.process);
                    let _growing = growing.growing.lock();
                    if growing.chunks() != position {
                        continue;
                    }
                    let call = [libc::SYS_mmap.cast_unsigned(), address, CHUNK_SIZE, read_write, flags, 0, 0];
                    self.calls(&[Step::Share(call, Arc::clone(chunk.fd())), Step::close(SHARED_FD)])?;
                    let advice = libc::MADV_DONTFORK.cast_unsigned().into();
                    self.call([libc::SYS_madvise.cast_unsigned(), address, CHUNK_SIZE, advice, 0, 0, 0])?;
                    growing.add_chunk(chunk);
                }
            }
        }
    }

    /// Ends the thread. The first thread of a process stays, stopped: without it the host would
    /// not find the process's memory any more.
    pub fn leave(&self) {
        self.process.thread_ends();
        if self.slot.index != 0 && !self.process.is_dead() {
            self.process.leave_slot(self.slot.clone(), self.reports);
            self.command(COMMAND_EXIT, &[]);
        }
    }
}

/// A host call's result, as the host returns it.
fn outcome(result: u64) -> Result<u64> {
    match result.cast_signed() {
        error @ -4095..=-1 => Err(Error::Host(i32::try_from(-error).unwrap_or(libc::EIO))),
        _ => Ok(result),
    }
}

fn host(error: std::io::Error) -> Error {
    Error::Host(error.raw_os_error().unwrap_or(libc::EIO))
}
