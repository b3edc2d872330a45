//! FIFOs: pipes with a name, and what open(2) does with them; see fifo(7).

use std::collections::HashMap;

use lazaret_abi::errno::Errno;

use super::{Pipe, PipeEnd};
use crate::{
    fs::file::flags,
    sync::{Arc, Mutex, OnceLock, Weak},
    wait::{Events, Interruptible, wait_until},
};

/// Device and inode number: what names a FIFO.
pub type Key = (u64, u64);

/// The pipes of all FIFOs that somebody has open.
fn pipes() -> &'static Mutex<HashMap<Key, Weak<Pipe>>> {
    static PIPES: OnceLock<Mutex<HashMap<Key, Weak<Pipe>>>> = OnceLock::new();
    PIPES.get_or_init(Mutex::default)
}

fn pipe(key: Key) -> Arc<Pipe> {
    let mut pipes = pipes().lock();
    if let Some(pipe) = pipes.get(&key).and_then(Weak::upgrade) {
        return pipe;
    }
    pipes.retain(|_, pipe| pipe.strong_count() > 0);
    let pipe = Pipe::new();
    pipes.insert(key, Arc::downgrade(&pipe));
    pipe
}

/// Opens the FIFO with this device and inode number; waits for a partner as fifo(7) says. `flags`
/// are those of open(2).
///
/// # Errors
/// `ENXIO` for a nonblocking writer without reader, `ERESTARTSYS` when a signal ends the wait.
pub fn open(key: Key, flags: u32) -> Result<PipeEnd, Errno> {
    let pipe = pipe(key);
    let nonblocking = flags & flags::NONBLOCK != 0;
    match flags & flags::ACCMODE {
        flags::RDONLY => {
            let (mut end, opens) = pipe.open_end(true, false);
            let came = opens.writer_opens;
            if opens.writers == 0 {
                if nonblocking {
                    end.quiet_until = Some(came);
                } else {
                    wait_until(&[(&pipe.readable, Events::all())], None, Interruptible::Signals, || {
                        (pipe.state.lock().writer_opens != came).then_some(())
                    })?;
                }
            }
            Ok(end)
        }
        flags::WRONLY => {
            if nonblocking && pipe.state.lock().readers == 0 {
                return Err(Errno::ENXIO);
            }
            let (end, opens) = pipe.open_end(false, true);
            let came = opens.reader_opens;
            if opens.readers == 0 {
                wait_until(&[(&pipe.writable, Events::all())], None, Interruptible::Signals, || {
                    (pipe.state.lock().reader_opens != came).then_some(())
                })?;
            }
            Ok(end)
        }
        flags::RDWR => Ok(pipe.open(true, true)),
        _ => Err(Errno::EINVAL),
    }
}
