//! `#[snapshot(with = lazaret_snapshot::bytes)]` for a `Vec<u8>` that may be big: one copy instead
//! of one call per byte.

use crate::{Reader, Result, Writer};

/// Writes the length and the bytes.
///
/// # Errors
/// None; the signature is that of [`Snapshot::save`](crate::Snapshot::save).
pub fn save(bytes: &[u8], writer: &mut Writer) -> Result<()> {
    writer.write_len(bytes.len());
    writer.write(bytes);
    Ok(())
}

/// Reads what [`save`] wrote, or what `Vec<u8>` as a [`Snapshot`](crate::Snapshot) wrote.
///
/// # Errors
/// [`Error::Truncated`](crate::Error::Truncated) if the bytes are not all there.
pub fn load(reader: &mut Reader<'_>) -> Result<Vec<u8>> {
    let len = reader.read_len()?;
    reader.read(len).map(<[u8]>::to_vec)
}
