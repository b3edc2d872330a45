//! The bridge between a terminal of the host and the pty of a container.
//!
//! The host's terminal is in raw mode: what is typed there arrives as it is, and the pty's line
//! discipline does with it what a terminal does. Two host threads move the bytes.

use std::{
    os::fd::{AsFd, OwnedFd},
    thread::JoinHandle,
    time::{Duration, Instant},
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

/// How long the host's terminal may take for the last output.
const DRAIN: Duration = Duration::from_secs(1);

/// A running bridge.
pub struct Console {
    terminal: Arc<Terminal>,
    /// Ends the thread that reads the host's terminal.
    stop: Arc<OwnedFd>,
    /// Held while output is on its way from the pty to the host's terminal.
    moving: Arc<Mutex<()>>,
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
        let moving: Arc<Mutex<()>> = Arc::default();
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new().name(name.to_string()).spawn(run).map_err(|_| Errno::EAGAIN)
        };
        let show = spawn("console-out", {
            let (host, terminal, stop, moving) = (host.clone(), terminal.clone(), stop.clone(), moving.clone());
            Box::new(move || show(&host, &terminal, &stop, &moving))
        })?;
        let typed = spawn("console-in", {
            let (terminal, stop) = (terminal.clone(), stop.clone());
            Box::new(move || {
                typed(&host, &terminal, &stop);
                drop(master);
            })
        })?;
        Ok(Arc::new(Console { terminal, stop, moving, threads: Mutex::new(vec![show, typed]) }))
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

    /// Ends the bridge once all that has been written up to now is on the host's terminal, or when that
    /// takes no more.
    pub fn stop(&self) {
        let deadline = Instant::now() + DRAIN;
        let is_drained = || self.moving.try_lock().is_some() && self.terminal.master_readable() == 0;
        while !is_drained() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = rustix::io::write(&*self.stop, &1_u64.to_ne_bytes());
    }
}

/// Moves what the container shows to the host's terminal until the last slave is closed.
fn show(host: &OwnedFd, terminal: &Terminal, stop: &OwnedFd, moving: &Mutex<()>) {
    while terminal.wait_for_output().is_ok() {
        let _moving = moving.lock();
        let mut sink = BufferSink::new(16 * 1024);
        match terminal.read_master(&mut sink, true) {
            Err(Errno::EAGAIN) => continue,
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
