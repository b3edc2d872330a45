//! File descriptor tables.

use lazaret_abi::errno::Errno;
use lazaret_snapshot::Snapshot;

use super::{
    file::File,
    lock::{self, Owner},
};
use crate::sync::{Arc, RwLock};

/// One descriptor.
#[derive(Clone, Snapshot)]
pub struct Descriptor {
    /// The open file.
    pub file: Arc<File>,
    /// FD_CLOEXEC.
    pub close_on_exec: bool,
}

#[derive(Clone, Default, Snapshot)]
struct Slots {
    slots: Vec<Option<Descriptor>>,
    /// No slot below is free.
    first_free: usize,
}

/// Descriptors of a process; shared by tasks that were cloned with CLONE_FILES.
#[derive(Default, Snapshot)]
pub struct FdTable {
    slots: RwLock<Slots>,
}

/// Highest number of descriptors any process may have (`fs.nr_open`).
pub const NR_OPEN: usize = 1 << 20;

impl FdTable {
    /// An empty table.
    pub fn new() -> FdTable {
        FdTable::default()
    }

    /// A copy for fork(2); the open files are shared.
    pub fn duplicate(&self) -> FdTable {
        FdTable { slots: RwLock::new(self.slots.read().clone()) }
    }

    /// Who holds the POSIX locks taken through this table.
    pub fn lock_owner(&self) -> Owner {
        Owner::Process(std::ptr::from_ref(self).addr())
    }

    /// Does what the closing of a descriptor means to its file; the descriptor has been taken out
    /// of the table.
    pub fn closed(&self, file: &Arc<File>) {
        lock::descriptor_closed(self.lock_owner(), file);
        file.ops().flush(file);
    }

    /// The open file of `fd`.
    ///
    /// # Errors
    /// `EBADF` when `fd` is not open.
    pub fn get(&self, fd: i32) -> Result<Arc<File>, Errno> {
        self.descriptor(fd).map(|descriptor| descriptor.file)
    }

    /// The descriptor `fd`.
    ///
    /// # Errors
    /// `EBADF` when `fd` is not open.
    pub fn descriptor(&self, fd: i32) -> Result<Descriptor, Errno> {
        let index = usize::try_from(fd).map_err(|_| Errno::EBADF)?;
        self.slots.read().slots.get(index).and_then(Clone::clone).ok_or(Errno::EBADF)
    }

    /// Stores a file at the lowest free number from `lowest` on and below `limit` (RLIMIT_NOFILE).
    ///
    /// # Errors
    /// `EMFILE` when there is none.
    pub fn insert(&self, file: Arc<File>, close_on_exec: bool, lowest: usize, limit: usize) -> Result<i32, Errno> {
        let mut table = self.slots.write();
        let mut index = lowest.max(table.first_free);
        while table.slots.get(index).is_some_and(Option::is_some) {
            index += 1;
        }
        if index >= limit.min(NR_OPEN) {
            return Err(Errno::EMFILE);
        }
        if lowest <= table.first_free {
            table.first_free = index + 1;
        }
        if table.slots.len() <= index {
            table.slots.resize(index + 1, None);
        }
        table.slots[index] = Some(Descriptor { file, close_on_exec });
        i32::try_from(index).map_err(|_| Errno::EMFILE)
    }

    /// Stores a file at exactly `fd` (dup2) and returns what was there.
    ///
    /// # Errors
    /// `EBADF` when `fd` is negative or not below `limit`.
    pub fn replace(
        &self,
        fd: i32,
        file: Arc<File>,
        close_on_exec: bool,
        limit: usize,
    ) -> Result<Option<Arc<File>>, Errno> {
        let index = usize::try_from(fd).map_err(|_| Errno::EBADF)?;
        if index >= limit.min(NR_OPEN) {
            return Err(Errno::EBADF);
        }
        let mut table = self.slots.write();
        if table.slots.len() <= index {
            table.slots.resize(index + 1, None);
        }
        let old = table.slots[index].replace(Descriptor { file, close_on_exec });
        Ok(old.map(|descriptor| descriptor.file))
    }

    /// Removes `fd` and returns its file; the caller then calls [`FdTable::closed`].
    ///
    /// # Errors
    /// `EBADF` when `fd` is not open.
    pub fn remove(&self, fd: i32) -> Result<Arc<File>, Errno> {
        let index = usize::try_from(fd).map_err(|_| Errno::EBADF)?;
        let mut table = self.slots.write();
        let old = table.slots.get_mut(index).and_then(Option::take).ok_or(Errno::EBADF)?;
        table.first_free = table.first_free.min(index);
        Ok(old.file)
    }

    /// Sets or clears FD_CLOEXEC.
    ///
    /// # Errors
    /// `EBADF` when `fd` is not open.
    pub fn set_close_on_exec(&self, fd: i32, close_on_exec: bool) -> Result<(), Errno> {
        let index = usize::try_from(fd).map_err(|_| Errno::EBADF)?;
        let mut table = self.slots.write();
        let descriptor = table.slots.get_mut(index).and_then(Option::as_mut).ok_or(Errno::EBADF)?;
        descriptor.close_on_exec = close_on_exec;
        Ok(())
    }

    /// Removes all that `take` chooses (execve, close_range) and returns the files; the caller then
    /// calls [`FdTable::closed`] for each.
    pub fn remove_where(&self, mut take: impl FnMut(i32, &Descriptor) -> bool) -> Vec<Arc<File>> {
        let mut table = self.slots.write();
        let mut removed = Vec::new();
        for index in 0..table.slots.len() {
            let Ok(fd) = i32::try_from(index) else { break };
            if table.slots[index].as_ref().is_some_and(|descriptor| take(fd, descriptor)) {
                removed.extend(table.slots[index].take().map(|descriptor| descriptor.file));
                table.first_free = table.first_free.min(index);
            }
        }
        removed
    }

    /// All open files, by descriptor.
    pub fn files(&self) -> Vec<Arc<File>> {
        self.slots.read().slots.iter().flatten().map(|descriptor| descriptor.file.clone()).collect()
    }

    /// Numbers of all open descriptors, ascending.
    pub fn open_descriptors(&self) -> Vec<i32> {
        let table = self.slots.read();
        table.slots.iter().zip(0..).filter_map(|(slot, fd)| slot.is_some().then_some(fd)).collect()
    }
}

impl Drop for FdTable {
    /// The last task that used the table is gone: closes what is open.
    fn drop(&mut self) {
        let slots = std::mem::take(&mut self.slots.get_mut().slots);
        for descriptor in slots.into_iter().flatten() {
            self.closed(&descriptor.file);
        }
    }
}
