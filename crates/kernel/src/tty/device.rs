//! Open files of terminals, and their ioctls; see ioctl_tty(2).

use lazaret_abi::{errno::Errno, ioctl::request, signal::Signal};
use zerocopy::{FromBytes, IntoBytes};

use super::{
    devpts::Devpts,
    job,
    terminal::{Terminal, WindowSize},
    termios::{self, Modes, TERMIOS_SIZE, Termios, local},
};
use crate::{
    fs::file::{File, FileOps, flags},
    sync::Arc,
    task::Current,
    uaddr::{UserAddr, UserPtr},
    uio::{Sink, Source},
    wait::{Events, Poller},
};

/// An open slave.
pub struct Slave {
    terminal: Arc<Terminal>,
}

impl Slave {
    /// Opens the slave of a terminal. `flags` are those of open(2); without O_NOCTTY it may become the
    /// caller's controlling terminal.
    ///
    /// # Errors
    /// As [`Terminal::open_slave`].
    pub fn open(terminal: &Arc<Terminal>, flags: u32) -> Result<Box<dyn FileOps>, Errno> {
        terminal.open_slave(job::is_admin())?;
        if flags & flags::NOCTTY == 0 && flags & flags::ACCMODE != flags::WRONLY {
            job::adopt_if_free(terminal);
        }
        Ok(Box::new(Slave { terminal: terminal.clone() }))
    }

    /// The terminal.
    pub fn terminal(&self) -> &Arc<Terminal> {
        &self.terminal
    }
}

impl Drop for Slave {
    fn drop(&mut self) {
        self.terminal.close_slave();
    }
}

impl FileOps for Slave {
    fn read(&self, file: &File, _offset: &mut u64, sink: &mut dyn Sink) -> Result<usize, Errno> {
        job::check_background(&self.terminal, job::Access::Read)?;
        self.terminal.read_slave(sink, file.is_nonblocking())
    }

    fn write(&self, file: &File, _offset: &mut u64, source: &mut dyn Source) -> Result<usize, Errno> {
        if self.terminal.termios().has_local(local::TOSTOP) {
            job::check_background(&self.terminal, job::Access::Change)?;
        }
        self.terminal.write_slave(source, file.is_nonblocking())
    }

    fn is_seekable(&self) -> bool {
        false
    }

    fn tells_by_signal(&self) -> bool {
        true
    }

    fn can_poll(&self) -> bool {
        true
    }

    fn poll(&self, _file: &File, poller: Option<&mut Poller>) -> Events {
        self.terminal.poll_slave(poller)
    }

    fn ioctl(&self, _file: &File, current: &mut Current, request: u32, argument: UserAddr) -> Result<usize, Errno> {
        let terminal = &self.terminal;
        match request {
            request::FIONREAD => write_int(current, argument, terminal.slave_readable()),
            request::TIOCOUTQ => write_int(current, argument, 0),
            request::TIOCSCTTY => job::set_controlling(terminal, argument.get() == 1).map(|()| 0),
            request::TIOCNOTTY => job::give_up(terminal).map(|()| 0),
            request::TIOCGPGRP => {
                job::check_controlling(terminal)?;
                let group = terminal.foreground().map_or(0, job::number_for_caller);
                current.write(UserPtr::new(argument), &group).map(|()| 0)
            }
            request::TIOCSPGRP => {
                let group: i32 = current.read(UserPtr::new(argument))?;
                job::set_foreground(terminal, group).map(|()| 0)
            }
            request::TIOCGSID => {
                job::check_controlling(terminal)?;
                let session = terminal.session().ok_or(Errno::ENOTTY)?;
                current.write(UserPtr::new(argument), &job::number_for_caller(session)).map(|()| 0)
            }
            request::TIOCSTI => {
                let byte: u8 = current.read(UserPtr::new(argument))?;
                if !job::is_admin() && job::check_controlling(terminal).is_err() {
                    return Err(Errno::EPERM);
                }
                terminal.write_master(&mut &[byte][..], true).map(|_| 0)
            }
            _ => common_ioctl(terminal, current, request, argument),
        }
    }
}

/// An open master.
pub struct Master {
    terminal: Arc<Terminal>,
    devpts: Arc<Devpts>,
}

impl Master {
    /// The master of a new terminal.
    pub fn new(terminal: Arc<Terminal>, devpts: Arc<Devpts>) -> Master {
        Master { terminal, devpts }
    }

    /// The terminal.
    pub fn terminal(&self) -> &Arc<Terminal> {
        &self.terminal
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        self.terminal.close_master();
        self.devpts.remove(self.terminal.number());
    }
}

impl FileOps for Master {
    fn read(&self, file: &File, _offset: &mut u64, sink: &mut dyn Sink) -> Result<usize, Errno> {
        self.terminal.read_master(sink, file.is_nonblocking())
    }

    fn write(&self, file: &File, _offset: &mut u64, source: &mut dyn Source) -> Result<usize, Errno> {
        self.terminal.write_master(source, file.is_nonblocking())
    }

    fn is_seekable(&self) -> bool {
        false
    }

    fn tells_by_signal(&self) -> bool {
        true
    }

    fn can_poll(&self) -> bool {
        true
    }

    fn poll(&self, _file: &File, poller: Option<&mut Poller>) -> Events {
        self.terminal.poll_master(poller)
    }

    fn ioctl(&self, _file: &File, current: &mut Current, request: u32, argument: UserAddr) -> Result<usize, Errno> {
        let terminal = &self.terminal;
        match request {
            request::TIOCGPTN => current.write(UserPtr::new(argument), &terminal.number()).map(|()| 0),
            request::TIOCSPTLCK => {
                let lock: i32 = current.read(UserPtr::new(argument))?;
                terminal.set_locked(lock != 0);
                Ok(0)
            }
            request::TIOCGPTLCK => write_int(current, argument, usize::from(terminal.is_locked())),
            request::TIOCPKT => {
                let on: i32 = current.read(UserPtr::new(argument))?;
                terminal.set_packet_mode(on != 0);
                Ok(0)
            }
            request::TIOCGPKT => write_int(current, argument, usize::from(terminal.packet_mode())),
            request::TIOCSIG => {
                let signal = [Signal::INT, Signal::QUIT, Signal::TSTP]
                    .into_iter()
                    .find(|signal| i64::from(signal.get()) == argument.get().cast_signed())
                    .ok_or(Errno::EINVAL)?;
                if let Some(group) = terminal.foreground() {
                    terminal.signal(group, signal);
                }
                Ok(0)
            }
            request::TIOCGPTPEER => {
                let flags = u32::try_from(argument.get()).map_err(|_| Errno::EINVAL)?;
                self.devpts.open_peer(terminal, current, flags)
            }
            request::FIONREAD => write_int(current, argument, terminal.master_readable()),
            request::TIOCOUTQ => write_int(current, argument, terminal.slave_readable()),
            request::TIOCGPGRP => {
                let group = terminal.foreground().map_or(0, job::number_for_caller);
                current.write(UserPtr::new(argument), &group).map(|()| 0)
            }
            request::TIOCGSID => {
                let session = terminal.session().ok_or(Errno::ENOTTY)?;
                current.write(UserPtr::new(argument), &job::number_for_caller(session)).map(|()| 0)
            }
            _ => common_ioctl(terminal, current, request, argument),
        }
    }
}

fn write_int(current: &mut Current, argument: UserAddr, value: usize) -> Result<usize, Errno> {
    let value = i32::try_from(value).unwrap_or(i32::MAX);
    current.write(UserPtr::new(argument), &value).map(|()| 0)
}

/// Requests that mean the same on both sides.
fn common_ioctl(
    terminal: &Arc<Terminal>,
    current: &mut Current,
    request: u32,
    argument: UserAddr,
) -> Result<usize, Errno> {
    match request {
        request::TCGETS => {
            let termios = terminal.termios();
            current.write_bytes(argument, &termios.as_bytes()[..TERMIOS_SIZE]).map(|()| 0)
        }
        request::TCGETS2 => current.write(UserPtr::new(argument), &terminal.termios()).map(|()| 0),
        request::TCSETS | request::TCSETSW | request::TCSETSF => {
            let mut bytes = terminal.termios().as_bytes().to_vec();
            current.read_bytes(argument, &mut bytes[..TERMIOS_SIZE])?;
            set_termios(terminal, &bytes, request == request::TCSETSF)
        }
        request::TCSETS2 | request::TCSETSW2 | request::TCSETSF2 => {
            let mut bytes = [0; size_of::<Termios>()];
            current.read_bytes(argument, &mut bytes)?;
            set_termios(terminal, &bytes, request == request::TCSETSF2)
        }
        request::TCGETA => current.write(UserPtr::new(argument), &termios::short(&terminal.termios())).map(|()| 0),
        request::TCSETA | request::TCSETAW | request::TCSETAF => {
            let short = current.read(UserPtr::new(argument))?;
            change_termios(terminal, termios::with_short(terminal.termios(), &short), request == request::TCSETAF)
        }
        request::TIOCGWINSZ => current.write(UserPtr::new(argument), &terminal.size()).map(|()| 0),
        request::TIOCSWINSZ => {
            let size: WindowSize = current.read(UserPtr::new(argument))?;
            terminal.set_size(size);
            Ok(0)
        }
        request::TCFLSH => {
            let (input, output) = match argument.get() {
                0 => (true, false),
                1 => (false, true),
                2 => (true, true),
                _ => return Err(Errno::EINVAL),
            };
            terminal.flush(input, output);
            Ok(0)
        }
        request::TCXONC => {
            match argument.get() {
                0 => terminal.set_stopped(true),
                1 => terminal.set_stopped(false),
                // TCIOFF and TCION send a character to the other side.
                2 | 3 => {}
                _ => return Err(Errno::EINVAL),
            }
            Ok(0)
        }
        // What was written is with the master at once, and a break means nothing to it.
        request::TCSBRK | request::TCSBRKP => Ok(0),
        // There is one line discipline, N_TTY.
        request::TIOCGETD => write_int(current, argument, 0),
        request::TIOCSETD => match current.read::<i32>(UserPtr::new(argument))? {
            0 => Ok(0),
            _ => Err(Errno::EINVAL),
        },
        request::TIOCEXCL => {
            terminal.set_exclusive(true);
            Ok(0)
        }
        request::TIOCNXCL => {
            terminal.set_exclusive(false);
            Ok(0)
        }
        request::TIOCGEXCL => write_int(current, argument, usize::from(terminal.is_exclusive())),
        _ => Err(Errno::ENOTTY),
    }
}

fn set_termios(terminal: &Arc<Terminal>, bytes: &[u8], flush: bool) -> Result<usize, Errno> {
    change_termios(terminal, Termios::read_from_bytes(bytes).map_err(|_| Errno::EINVAL)?, flush)
}

fn change_termios(terminal: &Arc<Terminal>, termios: Termios, flush: bool) -> Result<usize, Errno> {
    job::check_background(terminal, job::Access::Change)?;
    terminal.set_termios(termios, flush);
    Ok(0)
}
