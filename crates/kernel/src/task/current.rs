//! The task that runs on this host thread.

use lazaret_abi::errno::Errno;
use lazaret_platform::{Context, Regs};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes};

use super::Task;
use crate::{
    mm::Mm,
    sync::Arc,
    uaddr::{UserAddr, UserPtr},
    uio::{UserBuffers, UserSlice},
};

/// The calling task with what only its own host thread may touch.
pub struct Current {
    /// What others see of the task.
    pub task: Arc<Task>,
    /// Registers and the way to run application code and to change its mappings.
    pub context: Box<dyn Context>,
}

/// Longest path that system calls take, with its terminating zero (PATH_MAX).
pub const PATH_MAX: usize = 4096;

impl Current {
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
        if self.context.address_space().read(address.get(), buffer) == buffer.len() {
            Ok(())
        } else {
            Err(Errno::EFAULT)
        }
    }

    /// Copies `data` to application memory.
    ///
    /// # Errors
    /// `EFAULT` when not all of it can be written.
    pub fn write_bytes(&self, address: UserAddr, data: &[u8]) -> Result<(), Errno> {
        if self.context.address_space().write(address.get(), data) == data.len() { Ok(()) } else { Err(Errno::EFAULT) }
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
        let mut text = Vec::new();
        while text.len() < limit {
            let start = text.len();
            let from = address.get().checked_add(start as u64).ok_or(Errno::EFAULT)?;
            // Never across a page for nothing: the string may end just before a hole.
            let to_page_end = (4096 - from % 4096) as usize;
            let want = PIECE.min(to_page_end).min(limit - start);
            text.resize(start + want, 0);
            let got = self.context.address_space().read(from, &mut text[start..]);
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
        UserBuffers::new(self.context.address_space().clone(), slices)
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
