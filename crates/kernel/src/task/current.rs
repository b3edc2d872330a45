//! The task that runs on this host thread.

use lazaret_abi::{
    errno::Errno,
    signal::{SigAltStack, SigSet, stack},
};
use lazaret_platform::{Context, Fault, Regs};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes};

use super::{Task, clone::Vfork, run};
use crate::{
    boot::ExitStatus,
    mm::Mm,
    signal::restart::Restart,
    sync::Arc,
    uaddr::{UserAddr, UserPtr},
    uio::{UserBuffers, UserSlice, put},
};

/// The calling task with what only its own host thread may touch.
pub struct Current {
    /// What others see of the task.
    pub task: Arc<Task>,
    /// Registers and the way to run application code and to change its mappings.
    pub context: Box<dyn Context>,
    /// The thread ends with this status before it returns to application code.
    pub exit: Option<ExitStatus>,
    /// The latest exception, for the signal frame.
    pub fault: Option<Fault>,
    /// Stack for signal handlers.
    pub alternate_stack: SigAltStack,
    /// The signal mask to go back to after the call (sigsuspend, ppoll).
    pub saved_mask: Option<SigSet>,
    /// How restart_syscall(2) goes on with an interrupted call.
    pub restart: Option<Box<dyn Restart>>,
    /// Somebody waits for this task to leave its address space (vfork).
    pub vfork: Option<Arc<Vfork>>,
    /// The call ended with this error for want of a signal that is to be delivered now.
    interruption: Option<Errno>,
}

/// What sigaltstack(2) shows when there is none.
pub const NO_ALTERNATE_STACK: SigAltStack = SigAltStack { address: 0, flags: stack::DISABLE, pad: 0, size: 0 };

/// Longest path that system calls take, with its terminating zero (PATH_MAX).
pub const PATH_MAX: usize = 4096;

impl Current {
    /// A task about to run.
    pub fn new(task: Arc<Task>, context: Box<dyn Context>) -> Current {
        Current {
            task,
            context,
            exit: None,
            fault: None,
            alternate_stack: NO_ALTERNATE_STACK,
            saved_mask: None,
            restart: None,
            vfork: None,
            interruption: None,
        }
    }

    /// Notes that a call failed with `error`, in case a signal makes it start again.
    pub fn note_interruption(&mut self, error: Errno) {
        self.interruption = (run::is_restart(error) || error == Errno::EINTR).then_some(error);
    }

    /// Takes the note of [`Current::note_interruption`].
    pub fn take_interruption(&mut self) -> Option<Errno> {
        self.interruption.take()
    }

    /// A call was interrupted, or has left a signal mask to go back to.
    pub fn has_signal_work(&self) -> bool {
        self.interruption.is_some() || self.saved_mask.is_some()
    }

    /// Blocks other signals for the duration of this call (ppoll, pselect, epoll_pwait, sigsuspend).
    /// The old mask comes back when the call returns, after signals that interrupted it are delivered.
    pub fn set_temporary_mask(&mut self, mask: SigSet) {
        let old = self.task.set_blocked(mask);
        self.saved_mask.get_or_insert(old);
    }

    /// The application's registers.
    pub fn regs(&mut self) -> &mut Regs {
        self.context.regs()
    }

    /// Memory of the task.
    pub fn mm(&self) -> Arc<Mm> {
        self.task.mm()
    }

    /// Fills `buffer` from application memory.
    ///
    /// # Errors
    /// `EFAULT` when not all of it can be read.
    pub fn read_bytes(&self, address: UserAddr, buffer: &mut [u8]) -> Result<(), Errno> {
        if self.context.memory().read(address.get(), buffer) == buffer.len() { Ok(()) } else { Err(Errno::EFAULT) }
    }

    /// Copies `data` to application memory.
    ///
    /// # Errors
    /// `EFAULT` when not all of it can be written.
    pub fn write_bytes(&self, address: UserAddr, data: &[u8]) -> Result<(), Errno> {
        let memory = self.context.memory();
        if put(&*memory, &self.mm(), address.get(), data) == data.len() { Ok(()) } else { Err(Errno::EFAULT) }
    }

    /// Reads one value.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn read<T: FromBytes + IntoBytes>(&self, pointer: UserPtr<T>) -> Result<T, Errno> {
        let mut value = T::new_zeroed();
        self.read_bytes(pointer.address(), value.as_mut_bytes())?;
        Ok(value)
    }

    /// Writes one value.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn write<T: IntoBytes + Immutable>(&self, pointer: UserPtr<T>, value: &T) -> Result<(), Errno> {
        self.write_bytes(pointer.address(), value.as_bytes())
    }

    /// Reads `count` consecutive values; the caller has bounded `count`.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn read_array<T: FromBytes + IntoBytes>(&self, pointer: UserPtr<T>, count: usize) -> Result<Vec<T>, Errno> {
        let mut values = <T as FromZeros>::new_vec_zeroed(count).map_err(|_| Errno::ENOMEM)?;
        self.read_bytes(pointer.address(), values.as_mut_slice().as_mut_bytes())?;
        Ok(values)
    }

    /// Reads a zero-terminated string of less than `limit` bytes, without its zero.
    ///
    /// # Errors
    /// `EFAULT` when memory ends before the zero, `ENAMETOOLONG` when there is none in `limit` bytes.
    pub fn read_cstr(&self, address: UserAddr, limit: usize) -> Result<Vec<u8>, Errno> {
        const PIECE: usize = 256;
        let memory = self.context.memory();
        let mut text = vec![0; PIECE.min(limit)];
        if let Some(length) = memory.known_string(address.get(), &mut text) {
            text.truncate(length - 1);
            return Ok(text);
        }
        text.clear();
        while text.len() < limit {
            let start = text.len();
            let from = address.get().checked_add(start as u64).ok_or(Errno::EFAULT)?;
            // Never across a page for nothing: the string may end just before a hole.
            let to_page_end = (4096 - from % 4096) as usize;
            let want = PIECE.min(to_page_end).min(limit - start);
            text.resize(start + want, 0);
            let got = memory.read(from, &mut text[start..]);
            if let Some(end) = text[start..start + got].iter().position(|byte| *byte == 0) {
                text.truncate(start + end);
                return Ok(text);
            }
            if got < want {
                return Err(Errno::EFAULT);
            }
        }
        Err(Errno::ENAMETOOLONG)
    }

    /// Reads a path.
    ///
    /// # Errors
    /// As [`Current::read_cstr`] with [`PATH_MAX`].
    pub fn read_path(&self, address: UserAddr) -> Result<Vec<u8>, Errno> {
        self.read_cstr(address, PATH_MAX)
    }

    /// One buffer of application memory as sink or source.
    pub fn buffer(&self, address: UserAddr, length: usize) -> UserBuffers {
        self.buffers(&[UserSlice { address: address.get(), length }])
    }

    /// Several buffers of application memory, one after another.
    pub fn buffers(&self, slices: &[UserSlice]) -> UserBuffers {
        UserBuffers::of_caller(self.context.memory(), self.mm(), slices)
    }

    /// Reads the array of an iovec (readv, sendmsg).
    ///
    /// # Errors
    /// `EINVAL` for more than 1024 entries or lengths that sum up beyond `SSIZE_MAX`, `EFAULT`.
    pub fn read_iovecs(&self, pointer: UserAddr, count: usize) -> Result<Vec<UserSlice>, Errno> {
        const IOV_MAX: usize = 1024;
        if count > IOV_MAX {
            return Err(Errno::EINVAL);
        }
        let raw = self.read_array(UserPtr::<[u64; 2]>::new(pointer), count)?;
        let mut total = 0_u64;
        raw.into_iter()
            .map(|[address, length]| {
                total = total.checked_add(length).filter(|total| i64::try_from(*total).is_ok()).ok_or(Errno::EINVAL)?;
                Ok(UserSlice { address, length: usize::try_from(length).map_err(|_| Errno::EINVAL)? })
            })
            .collect()
    }
}
