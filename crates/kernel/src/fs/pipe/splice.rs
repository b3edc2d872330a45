//! splice(2), tee(2) and vmsplice(2): moving data from and to pipes.
//!
//! Pages are not handed over but copied once, inside the kernel: no copy visits the application.

use lazaret_abi::errno::Errno;

use super::{PAGE, Pipe};
use crate::{
    fs::file::{File, flags},
    sync::Arc,
    task::raise,
    uio::{BufferSink, Source, UserBuffers},
    wait::Events,
};

/// Most bytes that one round moves.
const ROUND: usize = 64 * 1024;

/// Flags of splice(2) that exist.
pub const KNOWN_FLAGS: u32 = 0xf;
/// SPLICE_F_NONBLOCK: do not wait for the pipe.
pub const NONBLOCK: u32 = 2;

/// One side of a splice: a file, and where in it if not at its position.
pub struct Side<'a> {
    /// The file.
    pub file: &'a Arc<File>,
    /// Explicit offset, moved by what is transferred.
    pub offset: Option<&'a mut u64>,
}

/// splice(2): moves up to `length` bytes; at least one side is a pipe.
///
/// # Errors
/// As splice(2); `EPIPE` raises SIGPIPE.
pub fn splice(input: Side<'_>, output: Side<'_>, length: usize, nonblocking: bool) -> Result<usize, Errno> {
    if !input.file.is_readable() || !output.file.is_writable() {
        return Err(Errno::EBADF);
    }
    let length = length.min(UserBuffers::MAX);
    match (Pipe::of(input.file), Pipe::of(output.file)) {
        (Some(from), Some(to)) => {
            if input.offset.is_some() || output.offset.is_some() {
                return Err(Errno::ESPIPE);
            }
            let nonblocking = nonblocking || input.file.is_nonblocking() || output.file.is_nonblocking();
            pipe_to_pipe(from, to, length, nonblocking, false)
        }
        (Some(from), None) => {
            if input.offset.is_some() || output.offset.is_some() && !output.file.ops().is_seekable() {
                return Err(Errno::ESPIPE);
            }
            if output.file.flags() & flags::APPEND != 0 {
                return Err(Errno::EINVAL);
            }
            pipe_to_file(from, output, length, nonblocking || input.file.is_nonblocking())
        }
        (None, Some(to)) => {
            if output.offset.is_some() || input.offset.is_some() && !input.file.ops().is_seekable() {
                return Err(Errno::ESPIPE);
            }
            file_to_pipe(input, to, length, nonblocking || output.file.is_nonblocking())
        }
        (None, None) => Err(Errno::EINVAL),
    }
}

/// tee(2): copies from pipe to pipe without taking.
///
/// # Errors
/// As tee(2).
pub fn tee(input: &File, output: &File, length: usize, nonblocking: bool) -> Result<usize, Errno> {
    if !input.is_readable() || !output.is_writable() {
        return Err(Errno::EBADF);
    }
    let (Some(from), Some(to)) = (Pipe::of(input), Pipe::of(output)) else { return Err(Errno::EINVAL) };
    let nonblocking = nonblocking || input.is_nonblocking() || output.is_nonblocking();
    pipe_to_pipe(from, to, length, nonblocking, true)
}

/// Waits until `pipe` has data; false when it never will.
fn wait_for_data(pipe: &Pipe, nonblocking: bool) -> Result<bool, Errno> {
    loop {
        let state = pipe.state.lock();
        if !state.ring.is_empty() {
            return Ok(true);
        }
        if state.writers == 0 {
            return Ok(false);
        }
        drop(state);
        if nonblocking {
            return Err(Errno::EAGAIN);
        }
        pipe.wait_readable()?;
    }
}

/// Waits until `pipe` has a free slot.
fn wait_for_room(pipe: &Pipe, nonblocking: bool) -> Result<(), Errno> {
    loop {
        let state = pipe.state.lock();
        if state.readers == 0 {
            drop(state);
            raise::broken_pipe();
            return Err(Errno::EPIPE);
        }
        if !state.ring.is_full() {
            return Ok(());
        }
        drop(state);
        if nonblocking {
            return Err(Errno::EAGAIN);
        }
        pipe.wait_writable()?;
    }
}

fn pipe_to_pipe(
    from: &Arc<Pipe>,
    to: &Arc<Pipe>,
    length: usize,
    nonblocking: bool,
    keep: bool,
) -> Result<usize, Errno> {
    if Arc::ptr_eq(from, to) {
        return Err(Errno::EINVAL);
    }
    if length == 0 {
        return Ok(0);
    }
    loop {
        if !wait_for_data(from, nonblocking)? {
            return Ok(0);
        }
        wait_for_room(to, nonblocking)?;
        // Both states are locked in the order of their addresses, as two splices may cross.
        let (mut source, mut target);
        if Arc::as_ptr(from) < Arc::as_ptr(to) {
            source = from.state.lock();
            target = to.state.lock();
        } else {
            target = to.state.lock();
            source = from.state.lock();
        }
        let room = (target.ring.slots() - target.ring.used()) * PAGE;
        let data = source.ring.peek(length.min(room));
        if data.is_empty() || target.readers == 0 {
            continue;
        }
        let done = target.ring.fill(&mut &data[..], false, true)?;
        if !keep {
            source.ring.consume(done);
        }
        drop((source, target));
        if !keep {
            from.writable.wake(Events::WRITABLE);
        }
        to.readable.wake(Events::READABLE);
        return Ok(done);
    }
}

fn pipe_to_file(from: &Arc<Pipe>, mut output: Side<'_>, length: usize, nonblocking: bool) -> Result<usize, Errno> {
    let mut done = 0;
    while done < length {
        // Once something was moved the call does not wait for more.
        match wait_for_data(from, nonblocking || done > 0) {
            Ok(true) => {}
            Ok(false) => break,
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        }
        // Taken first and put back if not wanted: the file may make the write wait, and the pipe
        // must not be locked then.
        let mut sink = BufferSink::new((length - done).min(ROUND));
        from.state.lock().ring.drain(&mut sink)?;
        let mut rest = &sink.data[..];
        let written = match &mut output.offset {
            Some(offset) => output.file.write_at(**offset, &mut rest),
            None => output.file.write(&mut rest),
        };
        let count = *written.as_ref().unwrap_or(&0);
        if count < sink.data.len() {
            from.state.lock().ring.unread(&sink.data[count..]);
        }
        from.writable.wake(Events::WRITABLE);
        let written = match written {
            Ok(written) => written,
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        };
        if let Some(offset) = &mut output.offset {
            **offset += written as u64;
        }
        done += written;
        if written < sink.data.len() {
            break;
        }
    }
    Ok(done)
}

fn file_to_pipe(mut input: Side<'_>, to: &Arc<Pipe>, length: usize, nonblocking: bool) -> Result<usize, Errno> {
    if length == 0 {
        return Ok(0);
    }
    wait_for_room(to, nonblocking)?;
    let room = {
        let state = to.state.lock();
        (state.ring.slots() - state.ring.used()) * PAGE
    };
    let mut sink = BufferSink::new(length.min(room));
    let got = match &input.offset {
        Some(offset) => input.file.read_at(**offset, &mut sink)?,
        None => input.file.read(&mut sink)?,
    };
    if let Some(offset) = &mut input.offset {
        **offset += got as u64;
    }
    // Another writer may have taken the room meanwhile; what was read must not be lost, so this
    // waits even if the call is nonblocking.
    let mut rest = &sink.data[..];
    while rest.remaining() > 0 {
        match to.try_write(&mut rest, false, true) {
            Ok(Some(_)) => {}
            Ok(None) => to.wait_writable()?,
            Err(error) => {
                if error == Errno::EPIPE {
                    raise::broken_pipe();
                }
                return Err(error);
            }
        }
    }
    Ok(got)
}

/// vmsplice(2) to a pipe: a write that may be told not to wait. The pages are copied, so the
/// application may use them again at once.
///
/// # Errors
/// As vmsplice(2).
pub fn gather(output: &File, source: &mut dyn Source, nonblocking: bool) -> Result<usize, Errno> {
    let pipe = Pipe::of(output).ok_or(Errno::EBADF)?;
    if source.remaining() == 0 {
        return Ok(0);
    }
    let mut done = 0;
    while source.remaining() > 0 {
        match wait_for_room(pipe, nonblocking || output.is_nonblocking()) {
            Ok(()) => {}
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        }
        match pipe.try_write(source, false, done == 0) {
            Ok(written) => done += written.unwrap_or(0),
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
