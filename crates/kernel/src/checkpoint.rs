//! What saving and restoring the kernel needs beside the objects' own derives.
//!
//! Each object tells next to its fields how it is saved. Here are the lists of the types behind trait
//! objects, and the words for what cannot be saved or found again. Descriptors, threads and clocks of
//! the host are never saved: objects take new ones when they are loaded.

mod objects;
#[cfg(test)]
mod tests;

use lazaret_abi::errno::Errno;
use lazaret_snapshot::Error;

/// The host, or another part of the kernel, refused what an object needs to be saved or restored.
pub fn refused(what: &str, error: Errno) -> Error {
    Error::Resource(format!("{what}: {error}"))
}

/// A file that is found by its name is not there any more.
pub fn not_found(name: &[u8], error: Errno) -> Error {
    Error::Resource(format!("{} cannot be found again: {error}", String::from_utf8_lossy(name)))
}

/// Names of file system types, which are constants.
pub mod fs_type {
    use lazaret_snapshot::{Error, Reader, Result, Snapshot, Writer};

    use crate::fs::registry;

    /// Types that nobody mounts by name.
    const INTERNAL: [&str; 3] = ["anon_inodefs", "hostfs", "overlay"];

    /// Writes the name.
    pub fn save(name: &&'static str, writer: &mut Writer) -> Result<()> {
        (*name).to_owned().save(writer)
    }

    /// Reads a known name.
    pub fn load(reader: &mut Reader<'_>) -> Result<&'static str> {
        let name = String::load(reader)?;
        let known = registry::NAMES.into_iter().chain(INTERNAL).find(|known| *known == name);
        known.ok_or(Error::Invalid("file system type"))
    }
}
