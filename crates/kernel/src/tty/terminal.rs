//! A pseudo-terminal: the state that its master and its slave share.

use std::collections::VecDeque;

use lazaret_abi::{errno::Errno, signal::Signal};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{
    discipline::{Discipline, Effects, TypedSignal},
    job,
    termios::{Modes, Termios, local},
};
use crate::{
    boot::Kernel,
    sync::{Arc, Mutex, Weak},
    time::Deadline,
    uio::{Sink, Source},
    wait::{Events, Interruptible, Poller, WaitQueue, wait_until},
};

/// Most output that waits for the master to read it, in bytes.
const OUTPUT_SIZE: usize = 64 * 1024;

/// Size of a terminal's window; `struct winsize` of ioctl_tty(2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct WindowSize {
    /// Rows of characters.
    pub rows: u16,
    /// Columns of characters.
    pub columns: u16,
    /// Width in pixels.
    pub x_pixels: u16,
    /// Height in pixels.
    pub y_pixels: u16,
}

/// A pseudo-terminal.
pub struct Terminal {
    kernel: Weak<Kernel>,
    /// Its number: the name of its slave in `/dev/pts`.
    number: u32,
    state: Mutex<State>,
    /// Watched by readers and writers of the slave.
    slave_queue: Arc<WaitQueue>,
    /// Watched by readers and writers of the master.
    master_queue: Arc<WaitQueue>,
}

struct State {
    discipline: Discipline,
    /// What the slave's side wrote, and echo, for the master to read.
    output: VecDeque<u8>,
    size: WindowSize,
    /// TIOCSPTLCK: the slave cannot be opened yet.
    locked: bool,
    /// TIOCPKT.
    packet_mode: bool,
    /// TIOCEXCL.
    exclusive: bool,
    master_open: bool,
    /// Open files of the slave.
    slaves: usize,
    /// The slave was open once: from then on its absence is a hang-up for the master.
    had_slave: bool,
    /// Session whose controlling terminal it is.
    session: Option<i32>,
    /// Foreground process group.
    foreground: Option<i32>,
}

impl Terminal {
    /// A terminal whose master is open.
    pub fn new(kernel: Weak<Kernel>, number: u32) -> Arc<Terminal> {
        Arc::new(Terminal {
            kernel,
            number,
            state: Mutex::new(State {
                discipline: Discipline::new(),
                output: VecDeque::new(),
                size: WindowSize::default(),
                locked: true,
                packet_mode: false,
                exclusive: false,
                master_open: true,
                slaves: 0,
                had_slave: false,
                session: None,
                foreground: None,
            }),
            slave_queue: Arc::new(WaitQueue::new()),
            master_queue: Arc::new(WaitQueue::new()),
        })
    }

    /// Its number.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Settings.
    pub fn termios(&self) -> Termios {
        self.state.lock().discipline.termios
    }

    /// Changes the settings; `flush` throws unread input away (TCSETSF).
    pub fn set_termios(&self, termios: Termios, flush: bool) {
        let mut state = self.state.lock();
        if flush {
            state.discipline.flush_input();
        }
        state.discipline.set_termios(termios);
        drop(state);
        self.wake_both();
    }

    /// Window size.
    pub fn size(&self) -> WindowSize {
        self.state.lock().size
    }

    /// Sets the window size, and tells the foreground process group with SIGWINCH if it changed.
    pub fn set_size(&self, size: WindowSize) {
        let mut state = self.state.lock();
        if state.size == size {
            return;
        }
        state.size = size;
        let foreground = state.foreground;
        drop(state);
        if let Some(group) = foreground {
            self.signal(group, Signal::WINCH);
        }
    }

    /// TIOCSPTLCK.
    pub fn set_locked(&self, locked: bool) {
        self.state.lock().locked = locked;
    }

    /// TIOCGPTLCK.
    pub fn is_locked(&self) -> bool {
        self.state.lock().locked
    }

    /// TIOCPKT.
    pub fn set_packet_mode(&self, on: bool) {
        let mut state = self.state.lock();
        if on && !state.packet_mode {
            state.discipline.take_packet();
        }
        state.packet_mode = on;
    }

    /// TIOCGPKT.
    pub fn packet_mode(&self) -> bool {
        self.state.lock().packet_mode
    }

    /// TIOCEXCL and TIOCNXCL.
    pub fn set_exclusive(&self, exclusive: bool) {
        self.state.lock().exclusive = exclusive;
    }

    /// TIOCGEXCL.
    pub fn is_exclusive(&self) -> bool {
        self.state.lock().exclusive
    }

    /// Session whose controlling terminal this is.
    pub fn session(&self) -> Option<i32> {
        self.state.lock().session
    }

    /// Makes it the controlling terminal of a session, or of none.
    pub fn set_session(&self, session: Option<i32>, foreground: Option<i32>) {
        let mut state = self.state.lock();
        state.session = session;
        state.foreground = foreground;
    }

    /// Foreground process group.
    pub fn foreground(&self) -> Option<i32> {
        self.state.lock().foreground
    }

    /// tcsetpgrp(3), after its checks.
    pub fn set_foreground(&self, group: i32) {
        self.state.lock().foreground = Some(group);
    }

    /// Bytes that the slave could read now (FIONREAD).
    pub fn slave_readable(&self) -> usize {
        self.state.lock().discipline.readable()
    }

    /// Bytes that the master could read now (FIONREAD, TIOCOUTQ of the slave).
    pub fn master_readable(&self) -> usize {
        self.state.lock().output.len()
    }

    /// tcflush(3) from the slave's side: unread input, unsent output.
    pub fn flush(&self, input: bool, output: bool) {
        let mut state = self.state.lock();
        if input {
            state.discipline.flush_input();
        }
        if output {
            state.output.clear();
        }
        drop(state);
        self.wake_both();
    }

    /// tcflow(3): stops or starts output.
    pub fn set_stopped(&self, stopped: bool) {
        self.state.lock().discipline.set_stopped(stopped);
        self.wake_both();
    }

    /// Counts one more open file of the slave.
    ///
    /// # Errors
    /// `EIO` when the master is closed or has not unlocked the slave, `EBUSY` in exclusive mode.
    pub fn open_slave(&self, privileged: bool) -> Result<(), Errno> {
        let mut state = self.state.lock();
        if state.locked || !state.master_open {
            return Err(Errno::EIO);
        }
        if state.exclusive && state.slaves > 0 && !privileged {
            return Err(Errno::EBUSY);
        }
        state.slaves += 1;
        state.had_slave = true;
        Ok(())
    }

    /// An open file of the slave is gone.
    pub fn close_slave(&self) {
        self.state.lock().slaves -= 1;
        self.wake_both();
    }

    /// The master is gone: the slave's side hangs up, and its session loses its terminal.
    pub fn close_master(&self) {
        let mut state = self.state.lock();
        state.master_open = false;
        let session = state.session.take();
        state.foreground = None;
        drop(state);
        self.wake_both();
        if let (Some(session), Some(kernel)) = (session, self.kernel.upgrade()) {
            job::hang_up(&kernel, session);
        }
    }

    fn wake_both(&self) {
        self.slave_queue.wake_all();
        self.master_queue.wake_all();
    }

    /// read(2) on the slave.
    ///
    /// # Errors
    /// `EAGAIN`, `ERESTARTSYS`, `EFAULT`; reads nothing (end of file) after a hang-up.
    pub fn read_slave(&self, sink: &mut dyn Sink, nonblocking: bool) -> Result<usize, Errno> {
        if sink.remaining() == 0 {
            return Ok(0);
        }
        let limit = sink.remaining();
        let termios = self.termios();
        if !termios.has_local(local::ICANON) && !nonblocking {
            return self.read_raw(sink, &termios);
        }
        let take = || {
            let mut state = self.state.lock();
            if state.discipline.has_input() {
                return Some(Ok(state.discipline.take(limit)));
            }
            if !state.master_open {
                return Some(Ok(Vec::new()));
            }
            nonblocking.then_some(Err(Errno::EAGAIN))
        };
        let data = wait_until(&[(&self.slave_queue, Events::READABLE)], None, Interruptible::Signals, take)??;
        self.master_queue.wake(Events::WRITABLE);
        put_all(sink, &data)
    }

    /// A blocking read in raw mode: VMIN and VTIME decide when it returns; see termios(3).
    fn read_raw(&self, sink: &mut dyn Sink, termios: &Termios) -> Result<usize, Errno> {
        use super::termios::character::{MIN, TIME};
        let least = usize::from(termios.cc[MIN]).min(sink.remaining());
        let tenths = u64::from(termios.cc[TIME]);
        let timeout = (tenths > 0).then(|| std::time::Duration::from_millis(tenths * 100));
        let limit = sink.remaining();
        let mut data = Vec::new();
        loop {
            // With VMIN the timer runs between bytes; without, from the start.
            let deadline = if least == 0 || !data.is_empty() { timeout.map(Deadline::after) } else { None };
            let take = || {
                let mut state = self.state.lock();
                if state.discipline.has_input() {
                    return Some(state.discipline.take(limit - data.len()));
                }
                (!state.master_open || least == 0 && timeout.is_none()).then(Vec::new)
            };
            match wait_until(&[(&self.slave_queue, Events::READABLE)], deadline, Interruptible::Signals, take) {
                Ok(more) if more.is_empty() => break,
                Ok(more) => data.extend(more),
                Err(Errno::ETIMEDOUT) => break,
                Err(_) if !data.is_empty() => break,
                Err(error) => return Err(error),
            }
            if data.len() >= least.max(1) {
                break;
            }
        }
        self.master_queue.wake(Events::WRITABLE);
        put_all(sink, &data)
    }

    /// Waits until [`Terminal::read_master`] has something to say.
    ///
    /// # Errors
    /// `ERESTARTSYS`.
    pub fn wait_for_output(&self) -> Result<(), Errno> {
        let ready = || self.poll_master(None).intersects(Events::IN | Events::PRI | Events::HUP).then_some(());
        wait_until(&[(&self.master_queue, Events::READABLE)], None, Interruptible::Signals, ready)
    }

    /// write(2) on the slave: output, processed by the line discipline.
    ///
    /// # Errors
    /// `EIO` after a hang-up, `EAGAIN`, `ERESTARTSYS`, `EFAULT`.
    pub fn write_slave(&self, source: &mut dyn Source, nonblocking: bool) -> Result<usize, Errno> {
        let mut piece = [0; 2048];
        let mut done = 0;
        while source.remaining() > 0 {
            let room = || {
                let state = self.state.lock();
                if !state.master_open {
                    return Some(Err(Errno::EIO));
                }
                if !state.discipline.is_stopped() && state.output.len() < OUTPUT_SIZE {
                    return Some(Ok(()));
                }
                nonblocking.then_some(Err(Errno::EAGAIN))
            };
            let waited = wait_until(&[(&self.slave_queue, Events::WRITABLE)], None, Interruptible::Signals, room);
            if let Err(error) = waited.and_then(|room| room) {
                return if done > 0 { Ok(done) } else { Err(error) };
            }
            let taken = match source.take(&mut piece) {
                Ok(0) => break,
                Ok(taken) => taken,
                Err(_) if done > 0 => return Ok(done),
                Err(error) => return Err(error),
            };
            let mut shown = Vec::with_capacity(taken + 64);
            let mut state = self.state.lock();
            state.discipline.show(&piece[..taken], &mut shown);
            state.output.extend(shown);
            drop(state);
            done += taken;
            self.master_queue.wake(Events::READABLE);
        }
        Ok(done)
    }

    /// read(2) on the master: what is shown on the terminal.
    ///
    /// # Errors
    /// `EIO` when the slave was open and is not any more, `EAGAIN`, `ERESTARTSYS`, `EFAULT`.
    pub fn read_master(&self, sink: &mut dyn Sink, nonblocking: bool) -> Result<usize, Errno> {
        let limit = sink.remaining();
        if limit == 0 {
            return Ok(0);
        }
        let take = || {
            let mut state = self.state.lock();
            if state.packet_mode && state.discipline.has_packet() {
                return Some(Ok(vec![state.discipline.take_packet()]));
            }
            if !state.output.is_empty() && !state.discipline.is_stopped() {
                let prefix = usize::from(state.packet_mode);
                let count = state.output.len().min(limit - prefix.min(limit));
                let mut data = vec![0; prefix];
                data.extend(state.output.drain(..count));
                return Some(Ok(data));
            }
            if state.had_slave && state.slaves == 0 {
                return Some(Err(Errno::EIO));
            }
            nonblocking.then_some(Err(Errno::EAGAIN))
        };
        let data = wait_until(&[(&self.master_queue, Events::READABLE)], None, Interruptible::Signals, take)??;
        self.slave_queue.wake(Events::WRITABLE);
        put_all(sink, &data)
    }

    /// write(2) on the master: what is typed on the terminal.
    ///
    /// # Errors
    /// `EAGAIN`, `ERESTARTSYS`, `EFAULT`.
    pub fn write_master(&self, source: &mut dyn Source, nonblocking: bool) -> Result<usize, Errno> {
        let mut piece = [0; 1024];
        let mut done = 0;
        while source.remaining() > 0 {
            let taken = match source.take(&mut piece) {
                Ok(0) => break,
                Ok(taken) => taken,
                Err(_) if done > 0 => return Ok(done),
                Err(error) => return Err(error),
            };
            let mut rest = &piece[..taken];
            while !rest.is_empty() {
                let mut effects = Effects::default();
                let accept = || {
                    let mut state = self.state.lock();
                    let count = state.discipline.type_bytes(rest, &mut effects);
                    // What the master does not read has no room for ever.
                    let mut echo = std::mem::take(&mut effects.echo);
                    echo.truncate(OUTPUT_SIZE.saturating_sub(state.output.len()));
                    state.output.extend(echo);
                    if count > 0 || !effects.signals.is_empty() {
                        return Some(Ok(count));
                    }
                    nonblocking.then_some(Err(Errno::EAGAIN))
                };
                let accepted =
                    wait_until(&[(&self.master_queue, Events::WRITABLE)], None, Interruptible::Signals, accept)
                        .and_then(|accepted| accepted);
                self.after_typing(&effects);
                match accepted {
                    Ok(count) => {
                        rest = &rest[count..];
                        done += count;
                    }
                    Err(_) if done > 0 => return Ok(done),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(done)
    }

    fn after_typing(&self, effects: &Effects) {
        self.wake_both();
        let Some(group) = self.foreground() else { return };
        for signal in &effects.signals {
            let number = match signal {
                TypedSignal::Interrupt => Signal::INT,
                TypedSignal::Quit => Signal::QUIT,
                TypedSignal::Suspend => Signal::TSTP,
            };
            self.signal(group, number);
        }
    }

    /// Sends a signal to a process group.
    pub(super) fn signal(&self, group: i32, signal: Signal) {
        if let Some(kernel) = self.kernel.upgrade() {
            job::signal_group(&kernel, group, signal);
        }
    }

    /// Readiness of the slave.
    pub fn poll_slave(&self, poller: Option<&mut Poller>) -> Events {
        if let Some(poller) = poller {
            poller.register(&self.slave_queue, Events::READABLE | Events::WRITABLE);
        }
        let state = self.state.lock();
        let mut events = Events::empty();
        if state.discipline.has_input() {
            events |= Events::READABLE;
        }
        if !state.discipline.is_stopped() && state.output.len() < OUTPUT_SIZE {
            events |= Events::WRITABLE;
        }
        if !state.master_open {
            events |= Events::READABLE | Events::WRITABLE | Events::HUP | Events::ERR;
        }
        events
    }

    /// Readiness of the master.
    pub fn poll_master(&self, poller: Option<&mut Poller>) -> Events {
        if let Some(poller) = poller {
            poller.register(&self.master_queue, Events::READABLE | Events::WRITABLE | Events::PRI);
        }
        let state = self.state.lock();
        let mut events = Events::empty();
        if !state.output.is_empty() && !state.discipline.is_stopped() {
            events |= Events::READABLE;
        }
        if state.packet_mode && state.discipline.has_packet() {
            events |= Events::READABLE | Events::PRI;
        }
        if state.discipline.has_room() || state.discipline.termios.has_local(local::ICANON) {
            events |= Events::WRITABLE;
        }
        if state.had_slave && state.slaves == 0 {
            events |= Events::HUP;
        }
        events
    }
}

/// Stores data that was taken out of a queue already.
fn put_all(sink: &mut dyn Sink, data: &[u8]) -> Result<usize, Errno> {
    if data.is_empty() { Ok(0) } else { sink.put(data) }
}
