//! How copies of stubs, and their threads, come to be.

use std::sync::{Arc, atomic::Ordering};

use lazaret_hostcall::notify::Notification;
use rustix::process::Pid;

use super::{
    chunk::Slot,
    filter::clone_arguments,
    notifier::Order,
    patch::Code,
    process::{NewSlot, Process},
    reaper::{self, Birth},
    shared::{CHUNK_SIZE, COMMAND_FORK, COMMAND_SPAWN, CONTEXT_BASE, SHARED_FD},
    strays,
    thread::{Step, Thread, outcome},
};
use crate::{Error, Result};

impl Thread {
    /// Makes a copy of the process, `here` on this processor, or in nobody's way; the result is the copy's only thread.
    /// It waits in a call of its own until the first command ([`Thread::bear`]).
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

        let nonce = self.expect_clone(false)?;
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
        self.check_caller(&clone)?;
        self.process.is_copied();

        // The copy shows the same nonce when it asks for its chunk.
        let number = i32::try_from(libc::SYS_openat).map_err(|_| Error::Host(libc::ENOSYS))?;
        let arguments = [0, 0, 0, 0, 0, nonce.into()];
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
        let process = Process::new(pid, chunk, code, Arc::clone(&shared));
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
        thread.unborn = Some(born);
        Ok(thread)
    }

    /// A call that this process was ordered to make is its own. It may have told another one the nonce.
    ///
    /// # Errors
    /// `Corrupted`; the other one is ended.
    fn check_caller(&self, call: &Notification) -> Result<()> {
        let is_own = Pid::from_raw(call.thread)
            .is_some_and(|thread| lazaret_hostcall::remote::signal_thread(self.process.pid(), thread, None).is_ok());
        if is_own {
            return Ok(());
        }
        self.process.shared.notifier.punish(call);
        Err(Error::Corrupted("has another process make its copy"))
    }

    /// Announces a clone, of a `thread` or the process. Returns the nonce that it is to show.
    fn expect_clone(&self, thread: bool) -> Result<u32> {
        let notifier = &self.process.shared.notifier;
        let nonce = notifier.nonce();
        let [flags, stack, parent, child, tls] = clone_arguments(thread);
        let number = i32::try_from(libc::SYS_clone).map_err(|_| Error::Host(libc::ENOSYS))?;
        let arguments = [flags, stack, parent, child, tls, nonce.into()];
        notifier.expect(nonce, Order { number, arguments });
        Ok(nonce)
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

        let nonce = self.expect_clone(true)?;
        self.command(COMMAND_SPAWN, &[slot.address(), nonce.into()]);
        if let Some(clone) = shared.notifier.wait(nonce, || self.has_reported())? {
            self.check_caller(&clone)?;
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
}

fn host(error: std::io::Error) -> Error {
    Error::Host(error.raw_os_error().unwrap_or(libc::EIO))
}
