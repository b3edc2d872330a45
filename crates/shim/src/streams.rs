//! The standard streams of a process: FIFOs that containerd's client has the other ends of.
//!
//! Without a terminal, the container gets ends of the FIFOs themselves, and nothing is copied. With one, threads
//! copy between the FIFOs and the terminal's master.

use std::{
    fs::{File, OpenOptions},
    io,
    os::{
        fd::OwnedFd,
        unix::fs::{FileTypeExt, OpenOptionsExt},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::termios::{Winsize, tcsetwinsize};

/// How long what a terminal has shown may take to be copied.
const DRAIN: Duration = Duration::from_millis(500);

/// Where the streams lead.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    /// Standard input; none if empty, as below.
    pub stdin: String,
    /// Standard output.
    pub stdout: String,
    /// Standard error; not used with a terminal.
    pub stderr: String,
    /// The process gets a terminal.
    pub terminal: bool,
}

/// What the server holds of the streams of a process.
#[derive(Debug, Default)]
pub struct Streams {
    /// Keeps standard input from ending when containerd's client comes and goes.
    stdin: Option<File>,
    /// Keep the process from SIGPIPE when containerd's client comes and goes.
    _outputs: Vec<File>,
    /// Copies what the terminal shows.
    copier: Option<JoinHandle<()>>,
    /// The terminal's master.
    master: Option<File>,
}

impl Paths {
    /// Opens the streams of a process without a terminal: what it gets, and what the server holds.
    ///
    /// # Errors
    /// Those of opening; names the path.
    pub fn open(&self) -> io::Result<([OwnedFd; 3], Streams)> {
        let (input, stdin) = open_input(&self.stdin)?;
        let (output, stdout) = open_output(&self.stdout)?;
        let (error, stderr) = open_output(&self.stderr)?;
        let outputs = [stdout, stderr].into_iter().flatten().collect();
        Ok(([input, output, error], Streams { stdin, _outputs: outputs, ..Streams::default() }))
    }

    /// Connects a terminal's master with the streams.
    ///
    /// # Errors
    /// Those of opening and of starting threads; names the path.
    pub fn attach(&self, master: OwnedFd) -> io::Result<Streams> {
        let master = File::from(master);
        let (input, stdin) = open_input(&self.stdin)?;
        let (output, keeper) = open_output(&self.stdout)?;
        copy("input", input.into(), master.try_clone()?)?;
        // The keeper goes with the last byte, so that containerd's client sees the end.
        let (mut from, mut to) = (master.try_clone()?, File::from(output));
        let copier = thread::Builder::new().name("output".into()).spawn(move || {
            // A terminal ends with EIO when nobody has it any more.
            let _ = io::copy(&mut from, &mut to);
            drop(keeper);
        })?;
        Ok(Streams { stdin, _outputs: Vec::new(), copier: Some(copier), master: Some(master) })
    }
}

impl Streams {
    /// Lets standard input end when containerd's client has closed it.
    pub fn close_input(&mut self) {
        self.stdin = None;
    }

    /// The process has ended.
    pub fn release(&mut self) {
        *self = Streams::default();
    }

    /// The thread that copies what the terminal shows, to be waited for.
    pub fn copier(&mut self) -> Option<JoinHandle<()>> {
        self.copier.take()
    }

    /// Tells the terminal its size.
    pub fn resize(&self, rows: u16, columns: u16) -> io::Result<()> {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        self.master.as_ref().map_or(Ok(()), |master| Ok(tcsetwinsize(master, size)?))
    }
}

/// Waits until all that a terminal shows is copied, but not long: another process may have the terminal still.
pub fn drain(copier: &JoinHandle<()>) {
    let deadline = Instant::now() + DRAIN;
    while !copier.is_finished() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(1));
    }
}

fn copy(name: &str, mut from: File, mut to: File) -> io::Result<()> {
    // It ends with either side.
    let copy = move || drop(io::copy(&mut from, &mut to));
    thread::Builder::new().name(name.into()).spawn(copy).map(drop)
}

fn named(path: &str) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("open {path}: {error}"))
}

fn null() -> io::Result<OwnedFd> {
    let file = OpenOptions::new().read(true).write(true).open("/dev/null");
    file.map(Into::into).map_err(named("/dev/null"))
}

/// Both ends of a FIFO, which opens without waiting.
fn open_fifo(path: &str) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    if file.metadata()?.file_type().is_fifo() { Ok(file) } else { Err(io::Error::other("is not a FIFO")) }
}

fn open_input(path: &str) -> io::Result<(OwnedFd, Option<File>)> {
    if path.is_empty() {
        return Ok((null()?, None));
    }
    let open = || {
        let keeper = open_fifo(path)?;
        // Now that there is a writer, this one would not wait either.
        let input = OpenOptions::new().read(true).open(path)?;
        Ok((input.into(), Some(keeper)))
    };
    open().map_err(named(path))
}

fn open_output(path: &str) -> io::Result<(OwnedFd, Option<File>)> {
    if path.is_empty() {
        return Ok((null()?, None));
    }
    if let Some(path) = path.strip_prefix("file://") {
        let file = OpenOptions::new().append(true).create(true).open(path).map_err(named(path))?;
        return Ok((file.into(), None));
    }
    if path.contains("://") {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("open {path}: only FIFOs and file:// are known"),
        ));
    }
    let open = || {
        let keeper = open_fifo(path)?;
        let output = OpenOptions::new().write(true).open(path)?;
        Ok((output.into(), Some(keeper)))
    };
    open().map_err(named(path))
}
