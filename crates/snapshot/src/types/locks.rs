//! Locks are saved as what they guard; a loaded lock is free.
//!
//! Saving happens while all tasks are paused, so a lock that stays taken is held by a sleeper, and
//! waiting for it would never end.

use std::{any::type_name, time::Duration};

use parking_lot::{Mutex, RwLock};

use crate::{Error, Reader, Result, Snapshot, Writer};

/// How long a service thread may hold a lock before saving gives up.
const PATIENCE: Duration = Duration::from_secs(1);

impl<T: Snapshot> Snapshot for Mutex<T> {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        self.try_lock_for(PATIENCE).ok_or(Error::Locked(type_name::<T>()))?.save(writer)
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        T::load(reader).map(Self::new)
    }
}

impl<T: Snapshot> Snapshot for RwLock<T> {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        self.try_read_recursive_for(PATIENCE).ok_or(Error::Locked(type_name::<T>()))?.save(writer)
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        T::load(reader).map(Self::new)
    }
}
