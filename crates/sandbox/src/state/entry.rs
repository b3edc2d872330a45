//! The directory of one container.

use std::{
    fs::File,
    io::{Read, Write},
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::Path,
    time::Duration,
};

use lazaret_control::Channel;
use rustix::{
    fs::{Access, AtFlags, FlockOperation, Mode, OFlags, accessat, flock, openat, renameat, unlinkat},
    io::{Errno, retry_on_intr as retry},
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with},
};

use super::{State, Status, VERSION};
use crate::{error::Error, spec::Mount};

/// Longest state file that is believed, in bytes.
const MAX_STATE: u64 = 4 << 20;

/// Held by a command while it changes the container.
pub(super) const LOCK: &str = "lock";

/// The file of resolved mounts.
const MOUNTS: &str = "mounts.json";
/// Holds the exit status of a container that has ended.
const EXIT: &str = "exit";

/// The directory of one container.
#[derive(Debug)]
pub struct Entry {
    pub(super) id: String,
    pub(super) directory: OwnedFd,
    pub(super) parent: OwnedFd,
    pub(super) answer_timeout: Duration,
}

impl Entry {
    /// The state file's content.
    ///
    /// # Errors
    /// Says what is wrong with the file.
    pub fn read(&self) -> Result<State, Error> {
        let wrong = |problem: String| Error::spec(Path::new("state.json"), &format!("container {}", self.id), problem);
        let file = openat(&self.directory, "state.json", OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty()).map_err(
            |errno| match errno {
                // It is being made, or removed.
                Errno::NOENT => Error::NotFound(self.id.clone()),
                errno => Error::host(format!("read the state of container {}", self.id), errno),
            },
        )?;
        let mut text = Vec::new();
        File::from(file).take(MAX_STATE).read_to_end(&mut text).map_err(|error| wrong(error.to_string()))?;
        let state: State = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        if state.version != VERSION {
            return Err(wrong(format!("is of version {}, this is version {VERSION}", state.version)));
        }
        if state.id != self.id {
            return Err(wrong(format!("is that of container {:?}", state.id)));
        }
        Ok(state)
    }

    /// Replaces the state file, all or nothing.
    pub(crate) fn write(&self, state: &State) -> Result<(), Error> {
        let text = serde_json::to_vec(state).map_err(|error| Error::host("write the state", error))?;
        let flags = OFlags::CREATE | OFlags::TRUNC | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let write = || -> std::io::Result<()> {
            let file = openat(&self.directory, "state.json.new", flags, Mode::RUSR | Mode::WUSR)?;
            File::from(file).write_all(&text)?;
            Ok(renameat(&self.directory, "state.json.new", &self.directory, "state.json")?)
        };
        write().map_err(|error| Error::host(format!("write the state of container {}", self.id), error))
    }

    /// Removes the directory with all that is in it; one that is gone already is no error.
    pub(crate) fn remove(&self) -> Result<(), Error> {
        let gone = |result| match result {
            Err(Errno::NOENT) => Ok(()),
            other => other,
        };
        let remove = || {
            for name in ["state.json", "state.json.new", "control.sock", EXIT, MOUNTS, LOCK] {
                gone(unlinkat(&self.directory, name, AtFlags::empty()))?;
            }
            gone(unlinkat(&self.parent, self.id.as_str(), AtFlags::REMOVEDIR))
        };
        remove().map_err(|errno| Error::host(format!("remove the state of container {}", self.id), errno))
    }

    pub(super) fn lock(&self, operation: FlockOperation) -> Result<(), Error> {
        retry(|| flock(&self.directory, operation))
            .map_err(|errno| Error::host(format!("lock container {}", self.id), errno))
    }

    /// The lock of the command that the container is attached to, as long as the result lives.
    fn try_lock(&self) -> rustix::io::Result<OwnedFd> {
        let lock = openat(&self.directory, ".", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        Ok(lock)
    }

    /// The container was attached to a command that is dead, or its maker died too early.
    pub(super) fn is_leftover(&self) -> bool {
        let ended = || match self.read() {
            Ok(state) => match state.status() {
                Status::Creating => true,
                status => state.attached && (state.sandbox.is_some() || status == Status::Stopped),
            },
            Err(_) => accessat(&self.directory, "state.json", Access::EXISTS, AtFlags::empty()).is_err(),
        };
        self.try_lock().is_ok_and(|_lock| ended())
    }

    /// Waits until no other command changes the container, and keeps others from it as long as the
    /// result lives.
    ///
    /// # Errors
    /// [`Error::NotFound`] if another command has removed it.
    pub(crate) fn lock_changes(&self) -> Result<OwnedFd, Error> {
        let failed = |errno| match errno {
            Errno::NOENT => Error::NotFound(self.id.clone()),
            errno => Error::host(format!("lock container {}", self.id), errno),
        };
        let lock = openat(&self.directory, LOCK, OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty()).map_err(failed)?;
        retry(|| flock(&lock, FlockOperation::LockExclusive)).map_err(failed)?;
        if rustix::fs::fstat(&lock).map_err(failed)?.st_nlink == 0 {
            return Err(Error::NotFound(self.id.clone()));
        }
        Ok(lock)
    }

    /// The file that the sandbox process leaves its exit status in.
    pub(crate) fn exit_file(&self) -> Result<OwnedFd, Error> {
        let flags = OFlags::CREATE | OFlags::TRUNC | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        openat(&self.directory, EXIT, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|errno| Error::host(format!("make the exit file of container {}", self.id), errno))
    }

    /// The file of resolved mounts: for the gofer to write, and for the sandbox process to read.
    pub(crate) fn mounts_file(&self) -> Result<[OwnedFd; 2], Error> {
        let flags = OFlags::CREATE | OFlags::TRUNC | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let failed = |errno| Error::host(format!("make the file of resolved mounts of container {}", self.id), errno);
        let write = openat(&self.directory, MOUNTS, flags, Mode::RUSR | Mode::WUSR).map_err(failed)?;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let read = openat(&self.directory, MOUNTS, flags, Mode::empty()).map_err(failed)?;
        Ok([write, read])
    }

    /// What is in that file.
    pub(crate) fn mounts(&self) -> Result<Vec<Mount>, Error> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let step = || format!("read the resolved mounts of container {}", self.id);
        let file = openat(&self.directory, MOUNTS, flags, Mode::empty()).map_err(|errno| Error::host(step(), errno))?;
        let mut text = String::new();
        let read = File::from(file).take(MAX_STATE).read_to_string(&mut text);
        read.map_err(|error| Error::host(step(), error))?;
        serde_json::from_str(&text).map_err(|error| Error::host(step(), error))
    }

    /// The exit status that the sandbox process has left; `None` if it was killed.
    pub(crate) fn exit_status(&self) -> Option<u8> {
        let flags = OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = openat(&self.directory, EXIT, flags, Mode::empty()).ok()?;
        let mut text = String::new();
        File::from(file).take(4).read_to_string(&mut text).ok()?;
        text.parse().ok()
    }

    /// Makes the control socket, for the sandbox process to listen on.
    pub(crate) fn listen(&self) -> Result<OwnedFd, Error> {
        let make = || {
            let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
            // The socket's mode becomes the mode of its name.
            rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
            bind(&socket, &self.address()?)?;
            listen(&socket, 64)?;
            Ok(socket)
        };
        make().map_err(|errno: Errno| Error::host(format!("make the control socket of container {}", self.id), errno))
    }

    /// How long the sandbox may take for one answer.
    pub(crate) fn answer_timeout(&self) -> Duration {
        self.answer_timeout
    }

    /// Connects to the sandbox.
    pub(crate) fn connect(&self) -> Result<Channel, Error> {
        let failed = |error| Error::Control { id: self.id.clone(), error };
        let make = || {
            let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
            let channel = Channel::from(socket);
            channel.set_timeout(Some(self.answer_timeout))?;
            connect(channel.as_fd(), &self.address()?)?;
            Ok(channel)
        };
        make().map_err(|error: lazaret_control::Error| failed(error))
    }

    /// The socket's address: by descriptor, for a path may not be longer than 107 bytes.
    fn address(&self) -> Result<SocketAddrUnix, Errno> {
        SocketAddrUnix::new(format!("/proc/self/fd/{}/control.sock", self.directory.as_raw_fd()))
    }
}
