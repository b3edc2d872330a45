//! The file around a value: magic, format version, length, checksum.

use crate::{Context, Error, Reader, Result, Snapshot, Writer};

const MAGIC: &[u8; 8] = b"LAZARET\n";

/// Raised whenever a build can no longer read what the one before it wrote.
const VERSION: u32 = 1;

/// Magic, version (u32), checksum (u32), length of the payload (u64); integers are little endian.
const HEADER: usize = 8 + 4 + 4 + 8;

/// Writes `root` and everything that it reaches as a complete snapshot.
///
/// # Errors
/// See [`Snapshot::save`].
pub fn save<T: Snapshot>(root: &T) -> Result<Vec<u8>> {
    let mut writer = Writer::new();
    root.save(&mut writer)?;
    let payload = writer.finish()?;
    let mut file = Vec::with_capacity(HEADER + payload.len());
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&VERSION.to_le_bytes());
    file.extend_from_slice(&crc32fast::hash(&payload).to_le_bytes());
    file.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    file.extend_from_slice(&payload);
    Ok(file)
}

/// Loads a complete snapshot.
///
/// # Errors
/// Whatever is wrong with the bytes; they may come from anybody.
pub fn load<T: Snapshot>(file: &[u8]) -> Result<T> {
    load_with(file, &Context::new())
}

/// Loads a complete snapshot whose objects take host resources from `context`.
///
/// # Errors
/// Whatever is wrong with the bytes, and [`Error::MissingContext`].
pub fn load_with<T: Snapshot>(file: &[u8], context: &Context) -> Result<T> {
    let mut reader = Reader::new(payload(file)?, context);
    let root = T::load(&mut reader)?;
    reader.finish()?;
    Ok(root)
}

/// Checks the header and returns what it describes.
fn payload(file: &[u8]) -> Result<&[u8]> {
    let rest = file.strip_prefix(MAGIC).ok_or(Error::Magic)?;
    let (version, rest) = rest.split_first_chunk().ok_or(Error::Truncated)?;
    let (checksum, rest) = rest.split_first_chunk().ok_or(Error::Truncated)?;
    let (length, payload) = rest.split_first_chunk().ok_or(Error::Truncated)?;
    let found = u32::from_le_bytes(*version);
    if found != VERSION {
        return Err(Error::Version { found, expected: VERSION });
    }
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| Error::Truncated)?;
    if length > payload.len() {
        return Err(Error::Truncated);
    }
    if length < payload.len() {
        return Err(Error::TrailingBytes(payload.len() - length));
    }
    if crc32fast::hash(payload) != u32::from_le_bytes(*checksum) {
        return Err(Error::Checksum);
    }
    Ok(payload)
}
