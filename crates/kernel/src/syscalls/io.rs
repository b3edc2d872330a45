//! Reading and writing: read(2), pwritev2(2), lseek(2), sendfile(2), fallocate(2), fsync(2).

use lazaret_abi::{
    errno::Errno,
    fcntl::{fadvise, fallocate as allocate_mode, rwf, seek, sync_range},
    id::Fd,
    resource::{RLimit, limit},
    signal::Signal,
};

use super::SysResult;
use crate::{
    fs::{
        descriptor,
        file::{File, flags},
        inode::FileKind,
        transfer,
    },
    signal::raise,
    sync::Arc,
    task::Current,
    uaddr::{UserAddr, UserPtr},
    uio::{Direct, Source, UserBuffers},
};

/// Largest size that the process may give a file (RLIMIT_FSIZE).
fn size_limit(current: &Current) -> u64 {
    current.task.group().limit(limit::FSIZE)
}

/// Checks a new size against RLIMIT_FSIZE.
///
/// # Errors
/// `EFBIG`, with SIGXFSZ, when it is larger.
pub fn check_file_size(current: &Current, size: u64) -> Result<(), Errno> {
    if size <= size_limit(current) {
        return Ok(());
    }
    raise(&current.task, Signal::XFSZ);
    Err(Errno::EFBIG)
}

/// Cuts what is written to a regular file to what RLIMIT_FSIZE leaves.
fn cut_to_limit(current: &Current, file: &File, at: At, buffers: &mut UserBuffers) -> Result<(), Errno> {
    let limit = size_limit(current);
    // What a write to a generated file changes is no file's size.
    if limit == RLimit::INFINITY || file.inode().kind() != FileKind::Regular || file.inode().is_generated() {
        return Ok(());
    }
    let start = match at {
        _ if file.flags() & flags::APPEND != 0 => file.attributes()?.size,
        At::Position => *file.position(),
        At::Offset(offset) => offset,
    };
    if start >= limit && buffers.remaining() > 0 {
        return check_file_size(current, u64::MAX);
    }
    buffers.cut(usize::try_from(limit - start.min(limit)).unwrap_or(usize::MAX));
    Ok(())
}

/// Where a transfer takes place.
#[derive(Clone, Copy)]
enum At {
    /// At the file's position, moving it.
    Position,
    /// There.
    Offset(u64),
}

impl At {
    fn offset(offset: i64) -> Result<At, Errno> {
        u64::try_from(offset).map(At::Offset).map_err(|_| Errno::EINVAL)
    }

    /// The offset of preadv2(2): -1 is the position.
    fn offset_or_position(offset: i64) -> Result<At, Errno> {
        if offset == -1 { Ok(At::Position) } else { At::offset(offset) }
    }
}

/// A transfer that would end beyond the largest offset is refused as a whole.
fn check_end(at: At, buffers: &UserBuffers) -> Result<(), Errno> {
    let At::Offset(offset) = at else { return Ok(()) };
    let end = offset.checked_add(buffers.remaining() as u64);
    if end.is_some_and(|end| i64::try_from(end).is_ok()) { Ok(()) } else { Err(Errno::EINVAL) }
}

fn read_file(current: &mut Current, file: &File, at: At, buffers: UserBuffers) -> SysResult {
    check_end(at, &buffers)?;
    let mut buffers = Direct::new(&mut *current.context, buffers);
    if file.is_readable() && file.inode().kind() == FileKind::Directory {
        return Err(Errno::EISDIR);
    }
    match at {
        At::Position => file.read(&mut buffers),
        At::Offset(offset) => file.read_at(offset, &mut buffers),
    }
}

fn write_file(current: &Current, file: &File, at: At, mut buffers: UserBuffers, sync: u32) -> SysResult {
    check_end(at, &buffers)?;
    cut_to_limit(current, file, at, &mut buffers)?;
    let done = match at {
        At::Position => file.write(&mut buffers)?,
        At::Offset(offset) => file.write_at(offset, &mut buffers)?,
    };
    let whole = flags::SYNC & !flags::DSYNC;
    if done > 0 && (file.flags() & flags::DSYNC != 0 || sync & (rwf::DSYNC | rwf::SYNC) != 0) {
        let data_only = file.flags() & whole == 0 && sync & rwf::SYNC == 0;
        match file.ops().sync(file, data_only) {
            // Streams have nothing to bring to a disk.
            Ok(()) | Err(Errno::EINVAL) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// A buffer of application memory. What reaches beyond all addresses is refused before anything is copied, as
/// Linux's `access_ok` does.
fn buffer(current: &Current, address: UserAddr, count: usize) -> Result<UserBuffers, Errno> {
    const TASK_SIZE: u64 = 0x7fff_ffff_f000;
    let end = address.get().checked_add(count as u64);
    if end.is_some_and(|end| end <= TASK_SIZE) { Ok(current.buffer(address, count)) } else { Err(Errno::EFAULT) }
}

/// read(2).
pub fn read(current: &mut Current, fd: Fd, address: UserAddr, count: usize) -> SysResult {
    let file = descriptor::usable(current, fd)?;
    let buffers = buffer(current, address, count)?;
    read_file(current, &file, At::Position, buffers)
}

/// write(2).
pub fn write(current: &mut Current, fd: Fd, address: UserAddr, count: usize) -> SysResult {
    let file = descriptor::usable(current, fd)?;
    write_file(current, &file, At::Position, buffer(current, address, count)?, 0)
}

/// pread64(2).
pub fn pread64(current: &mut Current, fd: Fd, address: UserAddr, count: usize, offset: i64) -> SysResult {
    let at = At::offset(offset)?;
    let file = descriptor::usable(current, fd)?;
    let buffers = buffer(current, address, count)?;
    read_file(current, &file, at, buffers)
}

/// pwrite64(2).
pub fn pwrite64(current: &mut Current, fd: Fd, address: UserAddr, count: usize, offset: i64) -> SysResult {
    let at = At::offset(offset)?;
    let file = descriptor::usable(current, fd)?;
    write_file(current, &file, at, buffer(current, address, count)?, 0)
}

/// readv(2).
pub fn readv(current: &mut Current, fd: Fd, vector: UserAddr, count: usize) -> SysResult {
    let file = descriptor::usable(current, fd)?;
    let slices = current.read_iovecs(vector, count)?;
    let buffers = current.buffers(&slices);
    read_file(current, &file, At::Position, buffers)
}

/// writev(2).
pub fn writev(current: &mut Current, fd: Fd, vector: UserAddr, count: usize) -> SysResult {
    let file = descriptor::usable(current, fd)?;
    let slices = current.read_iovecs(vector, count)?;
    write_file(current, &file, At::Position, current.buffers(&slices), 0)
}

/// preadv(2). The high half of the offset is for 32-bit processors.
pub fn preadv(current: &mut Current, fd: Fd, vector: UserAddr, count: usize, offset: i64, _high: u64) -> SysResult {
    let at = At::offset(offset)?;
    let file = descriptor::usable(current, fd)?;
    let slices = current.read_iovecs(vector, count)?;
    let buffers = current.buffers(&slices);
    read_file(current, &file, at, buffers)
}

/// pwritev(2).
pub fn pwritev(current: &mut Current, fd: Fd, vector: UserAddr, count: usize, offset: i64, _high: u64) -> SysResult {
    let at = At::offset(offset)?;
    let file = descriptor::usable(current, fd)?;
    let slices = current.read_iovecs(vector, count)?;
    write_file(current, &file, at, current.buffers(&slices), 0)
}

/// preadv2(2).
pub fn preadv2(
    current: &mut Current,
    fd: Fd,
    vector: UserAddr,
    count: usize,
    offset: i64,
    _high: u64,
    read_flags: u32,
) -> SysResult {
    let at = At::offset_or_position(offset)?;
    let file = descriptor::usable(current, fd)?;
    let slices = current.read_iovecs(vector, count)?;
    // HIPRI and the flags of writing mean nothing here; the others a file may refuse.
    if read_flags & !(rwf::HIPRI | rwf::DSYNC | rwf::SYNC) != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    let buffers = current.buffers(&slices);
    read_file(current, &file, at, buffers)
}

/// pwritev2(2).
pub fn pwritev2(
    current: &mut Current,
    fd: Fd,
    vector: UserAddr,
    count: usize,
    offset: i64,
    _high: u64,
    write_flags: u32,
) -> SysResult {
    let mut at = At::offset_or_position(offset)?;
    let file = descriptor::usable(current, fd)?;
    let slices = current.read_iovecs(vector, count)?;
    if write_flags & !(rwf::HIPRI | rwf::DSYNC | rwf::SYNC | rwf::APPEND) != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    if write_flags & rwf::APPEND != 0 && file.ops().is_seekable() {
        let end = file.attributes()?.size;
        if matches!(at, At::Position) {
            *file.position() = end;
        }
        at = if matches!(at, At::Position) { At::Position } else { At::Offset(end) };
    }
    write_file(current, &file, at, current.buffers(&slices), write_flags)
}

/// lseek(2).
pub fn lseek(current: &mut Current, fd: Fd, offset: i64, whence: u32) -> SysResult {
    let file = descriptor::usable(current, fd)?;
    if whence > seek::HOLE {
        return Err(Errno::EINVAL);
    }
    if file.ops().seeks_to_start() {
        if file.ops().is_seekable() {
            *file.position() = 0;
        }
        return Ok(0);
    }
    if !file.ops().is_seekable() {
        return Err(Errno::ESPIPE);
    }
    let mut position = file.position();
    let base = match whence {
        seek::SET => 0,
        seek::CUR => *position,
        seek::END if !file.ops().has_end() => return Err(Errno::EINVAL),
        seek::END => file.attributes()?.size,
        _ => {
            let offset = u64::try_from(offset).map_err(|_| Errno::ENXIO)?;
            *position = file.ops().seek_data(&file, offset, whence == seek::HOLE)?;
            return usize::try_from(*position).map_err(|_| Errno::EOVERFLOW);
        }
    };
    let new = base.checked_add_signed(offset).filter(|new| i64::try_from(*new).is_ok()).ok_or(Errno::EINVAL)?;
    *position = new;
    usize::try_from(new).map_err(|_| Errno::EOVERFLOW)
}

/// Reads the offset that a call gets by pointer.
fn read_offset(current: &Current, pointer: UserPtr<i64>) -> Result<Option<u64>, Errno> {
    if pointer.is_null() {
        return Ok(None);
    }
    u64::try_from(current.read(pointer)?).map(Some).map_err(|_| Errno::EINVAL)
}

fn write_offset(current: &Current, pointer: UserPtr<i64>, offset: Option<u64>) -> Result<(), Errno> {
    match offset {
        Some(offset) => current.write(pointer, &i64::try_from(offset).map_err(|_| Errno::EOVERFLOW)?),
        None => Ok(()),
    }
}

/// sendfile(2).
pub fn sendfile(current: &mut Current, output: Fd, input: Fd, offset: UserPtr<i64>, count: usize) -> SysResult {
    let mut start = read_offset(current, offset)?;
    let (output, input) = (descriptor::usable(current, output)?, descriptor::usable(current, input)?);
    let done = transfer::send_file(&output, &input, start.as_mut(), count)?;
    write_offset(current, offset, start)?;
    Ok(done)
}

/// copy_file_range(2).
pub fn copy_file_range(
    current: &mut Current,
    input: Fd,
    input_offset: UserPtr<i64>,
    output: Fd,
    output_offset: UserPtr<i64>,
    count: usize,
    copy_flags: u32,
) -> SysResult {
    let (input, output) = (descriptor::usable(current, input)?, descriptor::usable(current, output)?);
    let mut from = read_offset(current, input_offset)?;
    let mut to = read_offset(current, output_offset)?;
    if copy_flags != 0 {
        return Err(Errno::EINVAL);
    }
    let done = transfer::copy_range(&input, from.as_mut(), &output, to.as_mut(), count)?;
    write_offset(current, input_offset, from)?;
    write_offset(current, output_offset, to)?;
    Ok(done)
}

/// fallocate(2).
pub fn fallocate(current: &mut Current, fd: Fd, mode: u32, offset: i64, length: i64) -> SysResult {
    let file = descriptor::usable(current, fd)?;
    let (Ok(offset), Ok(length)) = (u64::try_from(offset), u64::try_from(length)) else { return Err(Errno::EINVAL) };
    if length == 0 {
        return Err(Errno::EINVAL);
    }
    let known = allocate_mode::KEEP_SIZE
        | allocate_mode::PUNCH_HOLE
        | allocate_mode::COLLAPSE_RANGE
        | allocate_mode::ZERO_RANGE
        | allocate_mode::INSERT_RANGE
        | allocate_mode::UNSHARE_RANGE;
    let what = mode & (known & !allocate_mode::KEEP_SIZE);
    if mode & !known != 0 || what.count_ones() > 1 {
        return Err(Errno::EOPNOTSUPP);
    }
    if what == allocate_mode::PUNCH_HOLE && mode & allocate_mode::KEEP_SIZE == 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    if matches!(what, allocate_mode::COLLAPSE_RANGE | allocate_mode::INSERT_RANGE)
        && mode & allocate_mode::KEEP_SIZE != 0
    {
        return Err(Errno::EOPNOTSUPP);
    }
    if !file.is_writable() {
        return Err(Errno::EBADF);
    }
    match file.inode().kind() {
        FileKind::Regular => {}
        FileKind::Fifo => return Err(Errno::ESPIPE),
        FileKind::Directory => return Err(Errno::EISDIR),
        _ => return Err(Errno::ENODEV),
    }
    let end = offset.checked_add(length).filter(|end| i64::try_from(*end).is_ok()).ok_or(Errno::EFBIG)?;
    check_file_size(current, end)?;
    file.ops().allocate(&file, mode, offset, length)?;
    Ok(0)
}

fn sync_file(current: &Current, fd: Fd, data_only: bool) -> SysResult {
    let file = descriptor::usable(current, fd)?;
    file.ops().sync(&file, data_only)?;
    Ok(0)
}

/// fsync(2).
pub fn fsync(current: &mut Current, fd: Fd) -> SysResult {
    sync_file(current, fd, false)
}

/// fdatasync(2).
pub fn fdatasync(current: &mut Current, fd: Fd) -> SysResult {
    sync_file(current, fd, true)
}

/// sync(2): what is in memory has no disk, and what is on the host is written by the host.
pub fn sync(_current: &mut Current) -> SysResult {
    Ok(0)
}

/// syncfs(2).
pub fn syncfs(current: &mut Current, fd: Fd) -> SysResult {
    descriptor::usable(current, fd)?;
    Ok(0)
}

/// sync_file_range(2).
pub fn sync_file_range(current: &mut Current, fd: Fd, offset: i64, length: i64, how: u32) -> SysResult {
    let file = descriptor::usable(current, fd)?;
    let known = sync_range::WAIT_BEFORE | sync_range::WRITE | sync_range::WAIT_AFTER;
    let end = offset.checked_add(length).ok_or(Errno::EINVAL)?;
    if how & !known != 0 || offset < 0 || end < offset {
        return Err(Errno::EINVAL);
    }
    match file.inode().kind() {
        FileKind::Regular | FileKind::BlockDevice | FileKind::Directory | FileKind::Symlink => {}
        _ => return Err(Errno::ESPIPE),
    }
    if how & sync_range::WAIT_AFTER != 0 && file.inode().kind() == FileKind::Regular {
        file.ops().sync(&file, true)?;
    }
    Ok(0)
}

/// fadvise64(2).
pub fn fadvise64(current: &mut Current, fd: Fd, _offset: i64, length: i64, advice: u32) -> SysResult {
    let file = descriptor::usable(current, fd)?;
    if file.inode().kind() == FileKind::Fifo {
        return Err(Errno::ESPIPE);
    }
    if length < 0 || advice > fadvise::NOREUSE {
        return Err(Errno::EINVAL);
    }
    Ok(0)
}

/// readahead(2).
pub fn readahead(current: &mut Current, fd: Fd, _offset: i64, _count: usize) -> SysResult {
    let file: Arc<File> = descriptor::usable(current, fd)?;
    if !file.is_readable() {
        return Err(Errno::EBADF);
    }
    if file.inode().kind() != FileKind::Regular {
        return Err(Errno::EINVAL);
    }
    Ok(0)
}
