//! The bridge between a terminal of the host and the pty of a container.
//!
//! The host's terminal is in raw mode: what is typed there arrives as it is, and the pty's line
//! discipline does with it what a terminal does. Two host threads move the bytes.

use std::{
    os::fd::{AsFd, OwnedFd},
    thread::JoinHandle,
};

use lazaret_abi::errno::Errno;
use rustix::event::{PollFd, PollFlags, eventfd, poll};

use super::{
    device::Master,
    terminal::{Terminal, WindowSize},
};
use crate::{
    fs::hostfs::errno,
    sync::{Arc, Mutex},
    uio::BufferSink,
};

/// A running bridge.
pub struct Console {
    terminal: Arc<Terminal>,
    /// Ends the thread that reads the host's terminal.
    stop: Arc<OwnedFd>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Console {
    /// Connects a host terminal with a pty, which is given by its master.
    ///
    /// # Errors
    /// `EAGAIN` when the host has no thread left.
    pub fn connect(host: OwnedFd, master: Master, rows: u16, columns: u16) -> Result<Arc<Console>, Errno> {
        let terminal = master.terminal().clone();
        terminal.set_locked(false);
        terminal.set_size(WindowSize { rows, columns, ..WindowSize::default() });
        let stop = Arc::new(eventfd(0, rustix::event::EventfdFlags::CLOEXEC).map_err(errno)?);
        let (host, master) = (Arc::new(host), Arc::new(master));
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new().name(name.to_string()).spawn(run).map_err(|_| Errno::EAGAIN)
        };
        let show = spawn("console-out", {
            let (host, terminal, stop) = (host.clone(), terminal.clone(), stop.clone());
            Box::new(move || show(&host, &terminal, &stop))
        })?;
        let typed = spawn("console-in", {
            let (terminal, stop) = (terminal.clone(), stop.clone());
            Box::new(move || {
                typed(&host, &terminal, &stop);
                drop(master);
            })
        })?;
        Ok(Arc::new(Console { terminal, stop, threads: Mutex::new(vec![show, typed]) }))
    }

    /// The pty.
    pub fn terminal(&self) -> &Arc<Terminal> {
        &self.terminal
    }

    /// Waits until everything that was written to the pty is on the host's terminal: until its last
    /// slave is closed.
    pub fn finish(&self) {
        for thread in self.threads.lock().drain(..) {
            // A panic there has nothing to add here.
            let _ = thread.join();
        }
    }

    /// Ends the bridge at once.
    pub fn stop(&self) {
        let _ = rustix::io::write(&*self.stop, &1_u64.to_ne_bytes());
    }
}

/// Moves what the container shows to the host's terminal until the last slave is closed.
fn show(host: &OwnedFd, terminal: &Terminal, stop: &OwnedFd) {
    loop {
        let mut sink = BufferSink::new(16 * 1024);
        match terminal.read_master(&mut sink, false) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        let mut rest = &sink.data[..];
        while !rest.is_empty() {
            match rustix::io::write(host, rest) {
                Ok(written) => rest = &rest[written..],
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => {
                    let mut fds = [PollFd::new(host, PollFlags::OUT)];
                    let _ = poll(&mut fds, None);
                }
                // The host's terminal is gone; the container finds out when nobody reads.
                Err(_) => break,
            }
        }
    }
    let _ = rustix::io::write(stop, &1_u64.to_ne_bytes());
}

/// Moves what is typed on the host's terminal to the container.
fn typed(host: &OwnedFd, terminal: &Terminal, stop: &OwnedFd) {
    let mut buffer = [0; 1024];
    loop {
        let mut fds = [PollFd::new(host, PollFlags::IN), PollFd::from_borrowed_fd(stop.as_fd(), PollFlags::IN)];
        match poll(&mut fds, None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return,
        }
        if !fds[1].revents().is_empty() {
            return;
        }
        match rustix::io::read(host, &mut buffer) {
            Ok(0) => return,
            Ok(count) => {
                if terminal.write_master(&mut &buffer[..count], false).is_err() {
                    return;
                }
            }
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            Err(_) => return,
        }
    }
}
