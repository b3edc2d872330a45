//! Extended attributes that a file system keeps in memory; see xattr(7).

use std::collections::BTreeMap;

use lazaret_abi::errno::Errno;
use lazaret_snapshot::Snapshot;

use crate::sync::Mutex;

/// The attribute that holds the capabilities of a program.
pub const CAPABILITIES: &[u8] = b"security.capability";
/// Longest value (XATTR_SIZE_MAX).
pub const VALUE_MAX: usize = 65_536;
/// Longest name (XATTR_NAME_MAX).
pub const NAME_MAX: usize = 255;
/// Longest list of names (XATTR_LIST_MAX).
pub const LIST_MAX: usize = 65_536;
/// XATTR_CREATE: fail if it exists.
pub const CREATE: u32 = 1;
/// XATTR_REPLACE: fail unless it exists.
pub const REPLACE: u32 = 2;

/// Bytes of names and values that one inode keeps at most.
const TOTAL_MAX: usize = 256 * 1024;

/// Extended attributes of one inode.
#[derive(Default, Snapshot)]
pub struct XattrMap {
    values: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl XattrMap {
    /// The value of `name`.
    ///
    /// # Errors
    /// `ENODATA` when it is not set.
    pub fn get(&self, name: &[u8]) -> Result<Vec<u8>, Errno> {
        self.values.lock().get(name).cloned().ok_or(Errno::ENODATA)
    }

    /// Sets a value.
    ///
    /// # Errors
    /// `EEXIST` or `ENODATA` as `flags` demand, `ENOSPC` when there are too many.
    pub fn set(&self, name: &[u8], value: &[u8], flags: u32) -> Result<(), Errno> {
        let mut values = self.values.lock();
        match values.get(name) {
            Some(_) if flags & CREATE != 0 => return Err(Errno::EEXIST),
            None if flags & REPLACE != 0 => return Err(Errno::ENODATA),
            _ => {}
        }
        let used: usize =
            values.iter().filter(|(known, _)| *known != name).map(|(name, value)| name.len() + value.len()).sum();
        if used + name.len() + value.len() > TOTAL_MAX {
            return Err(Errno::ENOSPC);
        }
        values.insert(name.to_vec(), value.to_vec());
        Ok(())
    }

    /// Names of all that are set.
    pub fn list(&self) -> Vec<Vec<u8>> {
        self.values.lock().keys().cloned().collect()
    }

    /// Removes one.
    ///
    /// # Errors
    /// `ENODATA` when it is not set.
    pub fn remove(&self, name: &[u8]) -> Result<(), Errno> {
        self.values.lock().remove(name).map(drop).ok_or(Errno::ENODATA)
    }
}
