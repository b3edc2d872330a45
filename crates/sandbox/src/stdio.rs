//! The standard streams of a process: files, the caller's terminal, or a terminal that is handed to
//! the caller's supervisor.

use std::{
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

use rustix::{
    fs::{Mode, OFlags},
    io::IoSlice,
    net::{
        AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
        connect, sendmsg, socket_with,
    },
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize},
};

use crate::{error::Error, spec::ConsoleSize};

/// Standard streams of a process.
#[derive(Debug)]
pub enum Stdio {
    /// Files for standard input, output and error.
    Files([OwnedFd; 3]),
    /// A terminal in raw mode; the container gets one of its own that is relayed to it. The caller tells
    /// changes of its size.
    Terminal {
        /// The terminal.
        terminal: OwnedFd,
        /// Character rows.
        rows: u16,
        /// Character columns.
        columns: u16,
    },
    /// A terminal whose master somebody else has: see [`Stdio::console`].
    Console(Console),
}

/// The slave of a terminal in raw mode.
#[derive(Debug)]
pub struct Console {
    /// The terminal.
    pub terminal: OwnedFd,
    /// Rows and columns at the start.
    pub size: (u16, u16),
}

impl Console {
    /// Makes a terminal of so many rows and columns; returns its master, too.
    ///
    /// # Errors
    /// The host has no terminal left.
    pub fn open(size: (u16, u16)) -> Result<(Console, OwnedFd), Error> {
        let make = || {
            let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
            grantpt(&master)?;
            unlockpt(&master)?;
            let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
            let terminal = rustix::fs::open(ptsname(&master, Vec::new())?, flags, Mode::empty())?;
            // The container's own terminal does what a terminal does; this one only carries bytes.
            let mut mode = tcgetattr(&terminal)?;
            mode.make_raw();
            tcsetattr(&terminal, OptionalActions::Now, &mode)?;
            tcsetwinsize(&terminal, Winsize { ws_row: size.0, ws_col: size.1, ws_xpixel: 0, ws_ypixel: 0 })?;
            Ok((Console { terminal, size }, master))
        };
        make().map_err(|errno: rustix::io::Errno| Error::host("make a terminal", errno))
    }
}

impl Stdio {
    /// Makes a terminal and sends its master to the Unix socket at `socket`, as runc does with
    /// `--console-socket`: one message whose data is the terminal's name.
    ///
    /// # Errors
    /// Names the step that failed: the host has no terminal left, or nobody listens at the socket.
    pub fn console(socket: &Path, size: Option<ConsoleSize>) -> Result<Stdio, Error> {
        let (console, master) = Console::open(size.map_or((0, 0), |size| (size.height, size.width)))?;
        ptsname(&master, Vec::new())
            .and_then(|name| send(socket, name.as_bytes(), &master))
            .map_err(|errno| Error::host(format!("send the terminal to {}", socket.display()), errno))?;
        Ok(Stdio::Console(console))
    }

    /// What the sandbox is told of a terminal, and the descriptors.
    pub(crate) fn into_parts(self) -> (Option<TerminalSetup>, Vec<OwnedFd>) {
        match self {
            Stdio::Files(files) => (None, files.into()),
            Stdio::Terminal { terminal, rows, columns } => {
                (Some(TerminalSetup { size: (rows, columns), followed: false }), vec![terminal])
            }
            Stdio::Console(Console { terminal, size }) => {
                (Some(TerminalSetup { size, followed: true }), vec![terminal])
            }
        }
    }
}

/// What the sandbox process is told of a terminal.
#[derive(Clone, Copy, Debug)]
pub struct TerminalSetup {
    /// Rows and columns at the start.
    pub size: (u16, u16),
    /// The sandbox process follows its size.
    pub followed: bool,
}

fn send(path: &Path, name: &[u8], master: &OwnedFd) -> rustix::io::Result<()> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    connect(&socket, &SocketAddrUnix::new(path.as_os_str().as_bytes())?)?;
    let fds = [master.as_fd()];
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    // There is room for exactly this.
    ancillary.push(SendAncillaryMessage::ScmRights(&fds));
    sendmsg(&socket, &[IoSlice::new(name)], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}
