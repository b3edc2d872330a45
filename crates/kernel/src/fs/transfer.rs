//! Copies between open files without a detour through application memory: sendfile(2),
//! copy_file_range(2).

use lazaret_abi::errno::Errno;

use super::{
    file::{File, flags},
    inode::FileKind,
};
use crate::{
    sync::Arc,
    uio::{BufferSink, UserBuffers},
};

/// Bytes moved at a time.
const CHUNK: usize = 128 * 1024;

/// Moves up to `count` bytes from `offset` of `input` on to what `write` takes them; `offset` moves by
/// what was written.
fn pump(
    input: &File,
    offset: &mut u64,
    count: usize,
    mut write: impl FnMut(&[u8]) -> Result<usize, Errno>,
) -> Result<usize, Errno> {
    let count = count.min(UserBuffers::MAX);
    let mut done = 0;
    while done < count {
        let mut sink = BufferSink::new(CHUNK.min(count - done));
        let step = input.read_at(*offset, &mut sink).and_then(|got| {
            if got == 0 {
                return Ok((0, 0));
            }
            Ok((got, write(&sink.data)?))
        });
        match step {
            Ok((got, written)) => {
                done += written;
                *offset += written as u64;
                if got == 0 || written < got {
                    break;
                }
            }
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// sendfile(2): from `offset`, or from the position of `input`, which then moves.
///
/// # Errors
/// Those of sendfile(2).
pub fn send_file(
    output: &Arc<File>,
    input: &Arc<File>,
    offset: Option<&mut u64>,
    count: usize,
) -> Result<usize, Errno> {
    if !input.is_readable() || !output.is_writable() {
        return Err(Errno::EBADF);
    }
    if !input.ops().is_seekable() {
        return Err(if offset.is_some() { Errno::ESPIPE } else { Errno::EINVAL });
    }
    if !matches!(input.inode().kind(), FileKind::Regular | FileKind::BlockDevice | FileKind::CharDevice) {
        return Err(Errno::EINVAL);
    }
    if output.flags() & flags::APPEND != 0 {
        return Err(Errno::EINVAL);
    }
    let write = |mut data: &[u8]| output.write(&mut data);
    match offset {
        Some(offset) => pump(input, offset, count, write),
        None => {
            // Not locked meanwhile: the output may be the same open file.
            let mut offset = *input.position();
            let done = pump(input, &mut offset, count, write)?;
            *input.position() = offset;
            Ok(done)
        }
    }
}

/// copy_file_range(2): offsets that are not given are the files' positions, which then move.
///
/// # Errors
/// Those of copy_file_range(2).
pub fn copy_range(
    input: &Arc<File>,
    from: Option<&mut u64>,
    output: &Arc<File>,
    to: Option<&mut u64>,
    count: usize,
) -> Result<usize, Errno> {
    let (input_kind, output_kind) = (input.inode().kind(), output.inode().kind());
    if input_kind == FileKind::Directory || output_kind == FileKind::Directory {
        return Err(Errno::EISDIR);
    }
    if input_kind != FileKind::Regular || output_kind != FileKind::Regular {
        return Err(Errno::EINVAL);
    }
    if !input.is_readable() || !output.is_writable() || output.flags() & flags::APPEND != 0 {
        return Err(Errno::EBADF);
    }
    let (input_fs, output_fs) = (input.location().mount.superblock(), output.location().mount.superblock());
    if !Arc::ptr_eq(input_fs, output_fs) {
        return Err(Errno::EXDEV);
    }
    let mut from_offset = from.as_deref().copied().unwrap_or_else(|| *input.position());
    let mut to_offset = to.as_deref().copied().unwrap_or_else(|| *output.position());
    let (from_end, to_end) = (
        from_offset.checked_add(count as u64).ok_or(Errno::EOVERFLOW)?,
        to_offset.checked_add(count as u64).ok_or(Errno::EOVERFLOW)?,
    );
    let same = super::vfs::dentry::is_same(input.inode(), output.inode());
    if same && from_offset < to_end && to_offset < from_end {
        return Err(Errno::EINVAL);
    }
    let done = pump(input, &mut from_offset, count, |mut data| {
        let written = output.write_at(to_offset, &mut data)?;
        to_offset += written as u64;
        Ok(written)
    })?;
    match from {
        Some(from) => *from = from_offset,
        None => *input.position() = from_offset,
    }
    match to {
        Some(to) => *to = to_offset,
        None => *output.position() = to_offset,
    }
    Ok(done)
}
