//! Pipes: pipe2(2), splice(2), tee(2), vmsplice(2).

use lazaret_abi::{errno::Errno, fcntl::pipe as pipe_flags, id::Fd};

use super::SysResult;
use crate::{
    fs::{
        descriptor,
        pipe::{self, splice as moving},
    },
    task::Current,
    uaddr::{UserAddr, UserPtr},
};

/// pipe(2).
pub fn pipe(current: &mut Current, fds: UserPtr<[i32; 2]>) -> SysResult {
    pipe2(current, fds, 0)
}

/// pipe2(2).
pub fn pipe2(current: &mut Current, fds: UserPtr<[i32; 2]>, flags: u32) -> SysResult {
    if flags & !(pipe_flags::NONBLOCK | pipe_flags::DIRECT | pipe_flags::CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    let (reader, writer) = pipe::create(flags);
    descriptor::install_pair(current, (reader, writer), flags & pipe_flags::CLOEXEC != 0, fds)
}

/// An offset argument: none for NULL.
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

/// splice(2).
pub fn splice(
    current: &mut Current,
    input: Fd,
    input_offset: UserPtr<i64>,
    output: Fd,
    output_offset: UserPtr<i64>,
    count: usize,
    flags: u32,
) -> SysResult {
    if flags & !moving::KNOWN_FLAGS != 0 {
        return Err(Errno::EINVAL);
    }
    if count == 0 {
        return Ok(0);
    }
    let (input, output) = (descriptor::usable(current, input)?, descriptor::usable(current, output)?);
    let mut from = read_offset(current, input_offset)?;
    let mut to = read_offset(current, output_offset)?;
    let done = moving::splice(
        moving::Side { file: &input, offset: from.as_mut() },
        moving::Side { file: &output, offset: to.as_mut() },
        count,
        flags & moving::NONBLOCK != 0,
    )?;
    write_offset(current, input_offset, from)?;
    write_offset(current, output_offset, to)?;
    Ok(done)
}

/// tee(2).
pub fn tee(current: &mut Current, input: Fd, output: Fd, count: usize, flags: u32) -> SysResult {
    if flags & !moving::KNOWN_FLAGS != 0 {
        return Err(Errno::EINVAL);
    }
    if count == 0 {
        return Ok(0);
    }
    let (input, output) = (descriptor::usable(current, input)?, descriptor::usable(current, output)?);
    moving::tee(&input, &output, count, flags & moving::NONBLOCK != 0)
}

/// vmsplice(2): into the pipe from a writing end, out of it from a reading end.
pub fn vmsplice(current: &mut Current, fd: Fd, iov: UserAddr, count: usize, flags: u32) -> SysResult {
    if flags & !moving::KNOWN_FLAGS != 0 {
        return Err(Errno::EINVAL);
    }
    let file = descriptor::usable(current, fd)?;
    let slices = current.read_iovecs(iov, count)?;
    let mut buffers = current.buffers(&slices);
    if file.is_writable() {
        return moving::gather(&file, &mut buffers, flags & moving::NONBLOCK != 0);
    }
    if pipe::Pipe::of(&file).is_none() {
        return Err(Errno::EBADF);
    }
    file.read(&mut buffers)
}
