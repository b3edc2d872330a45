//! Saving and restoring the kernel's state.
//!
//! Each object tells next to its fields how it is saved. Here are the state as a whole, the lists of the
//! types behind trait objects, and the words for what cannot be saved or found again. Descriptors,
//! threads and clocks of the host are never saved: objects take new ones when they are loaded. What
//! application memory holds, and registers, are the platform's to save.

mod objects;
mod state;
#[cfg(test)]
mod tests;

pub use state::{Restored, restore, save};
pub(crate) use state::{kernel, space};

use lazaret_abi::errno::Errno;
use lazaret_snapshot::Error;

/// The host, or another part of the kernel, refused what an object needs to be saved or restored.
pub(crate) fn refused(what: &str, error: Errno) -> Error {
    Error::Resource(format!("{what}: {error}"))
}

/// A file that is found by its name is not there any more.
pub(crate) fn not_found(name: &[u8], error: Errno) -> Error {
    Error::Resource(format!("{} cannot be found again: {error}", String::from_utf8_lossy(name)))
}

/// Names of file system types, which are constants.
pub(crate) mod fs_type {
    use lazaret_snapshot::{Error, Reader, Result, Snapshot, Writer};

    use crate::fs::registry;

    /// Types that nobody mounts by name.
    const INTERNAL: [&str; 2] = ["anon_inodefs", "hostfs"];

    pub fn save(name: &&'static str, writer: &mut Writer) -> Result<()> {
        (*name).to_owned().save(writer)
    }

    pub fn load(reader: &mut Reader<'_>) -> Result<&'static str> {
        let name = String::load(reader)?;
        let known = registry::NAMES.into_iter().chain(INTERNAL).find(|known| *known == name);
        known.ok_or(Error::Invalid("file system type"))
    }
}

/// Access rights, a type of the platform's.
pub(crate) mod prot {
    use lazaret_platform::Prot;
    use lazaret_snapshot::{Reader, Result, Snapshot, Writer};

    pub fn save(prot: &Prot, writer: &mut Writer) -> Result<()> {
        prot.bits().save(writer)
    }

    pub fn load(reader: &mut Reader<'_>) -> Result<Prot> {
        u32::load(reader).map(Prot::from_bits_truncate)
    }
}
