//! The state directory: what one command leaves for the next to know.
//!
//! Each container has a directory named by its id, with `state.json` and the control socket. The
//! command that a container is attached to keeps the directory locked, so that after the death of
//! both anybody can tell that the directory is a leftover.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read, Write},
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use lazaret_control::Channel;
use rustix::{
    fs::{
        Access, AtFlags, Dir, FlockOperation, Mode, OFlags, accessat, flock, mkdirat, open, openat, renameat, unlinkat,
    },
    io::{Errno, retry_on_intr as retry},
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with},
    process::{Pid, PidfdFlags, pidfd_open},
};
use serde::{Deserialize, Serialize};

use crate::{
    cgroup::Cgroup,
    error::Error,
    spec::{Hooks, Process, Resources},
};

/// Longest state file that is believed, in bytes.
const MAX_STATE: u64 = 4 << 20;

/// Version of the state file; another one is refused.
const VERSION: u32 = 1;

/// Held by a command while it changes the container.
const LOCK: &str = "lock";

/// Holds the exit status of a container that has ended.
const EXIT: &str = "exit";

/// How long a sandbox may take for one answer.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

/// What is known of a container between commands.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Version of this file.
    pub version: u32,
    /// Version of the specification that the container was made with.
    pub oci_version: String,
    /// The container's id.
    pub id: String,
    /// The sandbox process, as the host sees it; 0 before there is one.
    pub pid: i32,
    /// When that process started, in clock ticks after boot: tells it from a later one of this id.
    pub start_time: u64,
    /// The first process has been started.
    pub started: bool,
    /// The container ends with the command that made it.
    pub attached: bool,
    /// The bundle's directory.
    pub bundle: PathBuf,
    /// The root's directory.
    pub rootfs: PathBuf,
    /// Seconds since the epoch.
    pub created: u64,
    /// Name or number of the user who made it.
    pub owner: String,
    /// The container's first process: what a further one is like unless told otherwise.
    #[serde(default)]
    pub process: Process,
    /// Annotations of the specification.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// Programs that are still to be run.
    #[serde(default)]
    pub hooks: Hooks,
    /// The cgroup of the sandbox process, if it has one of its own.
    #[serde(default)]
    pub cgroup: Option<Cgroup>,
    /// Its limits.
    #[serde(default)]
    pub resources: Resources,
}

/// A container's place in the life cycle; see `runtime.md` of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Is being made.
    Creating,
    /// Made, and waits for its start.
    Created,
    /// Its first process runs.
    Running,
    /// Nothing in it runs until it is resumed.
    Paused,
    /// Its first process has ended.
    Stopped,
}

impl Status {
    /// The specification's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Status::Creating => "creating",
            Status::Created => "created",
            Status::Running => "running",
            Status::Paused => "paused",
            Status::Stopped => "stopped",
        }
    }
}

impl State {
    /// A container that is being made now.
    pub(crate) fn new(id: &str) -> State {
        let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        State {
            version: VERSION,
            oci_version: String::new(),
            id: id.into(),
            pid: 0,
            start_time: 0,
            started: false,
            attached: false,
            bundle: PathBuf::new(),
            rootfs: PathBuf::new(),
            created,
            owner: rustix::process::getuid().as_raw().to_string(),
            process: Process::default(),
            annotations: BTreeMap::new(),
            hooks: Hooks::default(),
            cgroup: None,
            resources: Resources::default(),
        }
    }

    /// The container's state as the specification describes it (`runtime.md`, "State").
    pub fn describe(&self, status: Status) -> serde_json::Value {
        serde_json::json!({
            "ociVersion": self.oci_version,
            "id": self.id,
            "status": status.name(),
            "pid": if status == Status::Stopped { 0 } else { self.pid },
            "bundle": self.bundle,
            "annotations": self.annotations,
        })
    }

    /// The state the container is in, as far as the file and its process tell; see
    /// [`crate::Sandbox::status`].
    pub fn status(&self) -> Status {
        if self.pid == 0 {
            Status::Creating
        } else if start_time(self.pid) != Some(self.start_time) {
            Status::Stopped
        } else if self.started {
            Status::Running
        } else {
            Status::Created
        }
    }

    /// A descriptor of the sandbox process, if it lives.
    pub(crate) fn pidfd(&self) -> Option<OwnedFd> {
        let pidfd = pidfd_open(Pid::from_raw(self.pid)?, PidfdFlags::empty()).ok()?;
        // Only now is it sure which process of this id was opened.
        (start_time(self.pid) == Some(self.start_time)).then_some(pidfd)
    }
}

/// When a process started, in clock ticks after boot; `None` if it is gone or a zombie.
pub(crate) fn start_time(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses and may contain anything; see proc(5).
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
    match fields.next()? {
        "Z" | "X" => None,
        _ => fields.nth(18)?.parse().ok(),
    }
}

/// Checks that an id can name a container, as runc does.
///
/// # Errors
/// [`Error::InvalidId`].
pub fn check_id(id: &str) -> Result<(), Error> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-.".contains(&byte);
    if id.is_empty() || id.len() > 255 || id == "." || id == ".." || !id.bytes().all(allowed) {
        return Err(Error::InvalidId(id.chars().take(64).collect()));
    }
    Ok(())
}

/// All containers under one `--root`.
#[derive(Debug)]
pub struct Registry {
    directory: OwnedFd,
    path: PathBuf,
}

impl Registry {
    /// Opens the directory, or makes it.
    ///
    /// # Errors
    /// Names the directory.
    pub fn open(path: &Path) -> Result<Registry, Error> {
        let step = |errno: Errno| Error::host(format!("state directory {}", path.display()), errno);
        // Not through a link: another user may have put one where the directory is expected.
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = match open(path, flags, Mode::empty()) {
            Err(Errno::NOENT) => {
                use std::os::unix::fs::DirBuilderExt;
                let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
                made.map_err(|error| Error::host(format!("make state directory {}", path.display()), error))?;
                open(path, flags, Mode::empty()).map_err(step)?
            }
            result => result.map_err(step)?,
        };
        let status = rustix::fs::fstat(&directory).map_err(step)?;
        let refuse =
            |why: String| Err(lazaret_control::Failure::new(format!("state directory {}", path.display()), why).into());
        if status.st_uid != rustix::process::geteuid().as_raw() {
            return refuse(format!("belongs to user {}, not to you", status.st_uid));
        }
        if status.st_mode & 0o022 != 0 {
            return refuse("others may write in it (chmod go-w)".into());
        }
        Ok(Registry { directory, path: path.into() })
    }

    /// Makes a container's directory, locked for its maker.
    ///
    /// # Errors
    /// [`Error::InvalidId`], [`Error::Exists`].
    pub fn create(&self, id: &str) -> Result<Entry, Error> {
        check_id(id)?;
        self.sweep();
        let _making = self.lock()?;
        match mkdirat(&self.directory, id, Mode::RWXU) {
            Ok(()) => {}
            Err(Errno::EXIST) => return Err(Error::Exists(id.into())),
            Err(errno) => return Err(Error::host(format!("make {}", self.path.join(id).display()), errno)),
        }
        let entry = self.entry(id)?.ok_or_else(|| Error::NotFound(id.into()))?;
        entry.lock(FlockOperation::LockExclusive)?;
        let flags = OFlags::CREATE | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        openat(&entry.directory, LOCK, flags, Mode::RUSR)
            .map_err(|errno| Error::host(format!("make the lock of container {id}"), errno))?;
        Ok(entry)
    }

    /// Keeps others from making or sweeping away containers; between the making of a directory and its
    /// lock it looks like a leftover.
    fn lock(&self) -> Result<OwnedFd, Error> {
        let failed = |errno| Error::host(format!("lock {}", self.path.display()), errno);
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let lock = openat(&self.directory, ".", flags, Mode::empty()).map_err(failed)?;
        retry(|| flock(&lock, FlockOperation::LockExclusive)).map_err(failed)?;
        Ok(lock)
    }

    /// Removes what containers have left whose command was killed.
    fn sweep(&self) {
        // What cannot be read or removed now can be next time.
        let _ = self.names().map(|names| names.iter().for_each(|id| drop(self.get(id))));
    }

    /// The names of all containers' directories.
    fn names(&self) -> Result<Vec<String>, Error> {
        let step = |errno: Errno| Error::host(format!("read {}", self.path.display()), errno);
        let mut names = Vec::new();
        for name in Dir::read_from(&self.directory).map_err(step)? {
            match name.map_err(step)?.file_name().to_str() {
                Ok(id) if check_id(id).is_ok() => names.push(id.to_owned()),
                _ => {}
            }
        }
        names.sort();
        Ok(names)
    }

    /// A container's directory.
    ///
    /// # Errors
    /// [`Error::InvalidId`], [`Error::NotFound`].
    pub fn get(&self, id: &str) -> Result<Entry, Error> {
        check_id(id)?;
        match self.entry(id)? {
            Some(entry) if !self.remove_leftover(&entry) => Ok(entry),
            _ => Err(Error::NotFound(id.into())),
        }
    }

    /// Removes a container's directory if nobody is there any more who would: it ended with the command
    /// that it was attached to. Returns whether it did.
    fn remove_leftover(&self, entry: &Entry) -> bool {
        if !entry.is_leftover() {
            return false;
        }
        // Now again, while nobody is making it.
        let Ok(_making) = self.lock() else { return false };
        if !entry.is_leftover() {
            return false;
        }
        if let Ok(State { cgroup: Some(cgroup), .. }) = entry.read() {
            // Its processes have ended; what cannot be removed now stays until the next attempt.
            if cgroup.remove().is_err() {
                return false;
            }
        }
        entry.remove().is_ok()
    }

    /// The states of all containers, by id. Leftovers of attached containers are removed.
    ///
    /// # Errors
    /// Those of reading the directory.
    pub fn list(&self) -> Result<Vec<State>, Error> {
        // Between the listing and the reading a container may have gone.
        let read = |id: &String| self.get(id).and_then(|entry| entry.read()).ok();
        Ok(self.names()?.iter().filter_map(read).collect())
    }

    fn entry(&self, id: &str) -> Result<Option<Entry>, Error> {
        match openat(&self.directory, id, OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) {
            Ok(directory) => {
                let parent = self.directory.try_clone().map_err(|error| Error::host("copy a descriptor", error))?;
                Ok(Some(Entry { id: id.into(), directory, parent }))
            }
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(Error::host(format!("open {}", self.path.join(id).display()), errno)),
        }
    }
}

/// The directory of one container.
#[derive(Debug)]
pub struct Entry {
    id: String,
    directory: OwnedFd,
    parent: OwnedFd,
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
            for name in ["state.json", "state.json.new", "control.sock", EXIT, LOCK] {
                gone(unlinkat(&self.directory, name, AtFlags::empty()))?;
            }
            gone(unlinkat(&self.parent, self.id.as_str(), AtFlags::REMOVEDIR))
        };
        remove().map_err(|errno| Error::host(format!("remove the state of container {}", self.id), errno))
    }

    fn lock(&self, operation: FlockOperation) -> Result<(), Error> {
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
    fn is_leftover(&self) -> bool {
        let ended = || match self.read() {
            Ok(state) => match state.status() {
                Status::Creating => true,
                status => state.attached && status == Status::Stopped,
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

    /// Connects to the sandbox.
    pub(crate) fn connect(&self) -> Result<Channel, Error> {
        let failed = |error| Error::Control { id: self.id.clone(), error };
        let make = || {
            let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
            let channel = Channel::from(socket);
            channel.set_timeout(Some(TIMEOUT))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> (Registry, PathBuf) {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("lazaret-state-{}-{number}", std::process::id()));
        (Registry::open(&path).unwrap(), path)
    }

    #[test]
    fn ids_are_checked() {
        for id in ["a", "A-b_c.d+1", "..."] {
            assert!(check_id(id).is_ok(), "{id}");
        }
        for id in ["", ".", "..", "a/b", "../a", "a b", "a\0", "\u{e4}", &"x".repeat(256)] {
            assert!(matches!(check_id(id), Err(Error::InvalidId(_))), "{id:?}");
        }
    }

    #[test]
    fn containers_are_made_found_listed_and_removed() {
        let (registry, path) = registry();
        assert!(matches!(registry.get("c1"), Err(Error::NotFound(_))));
        let entry = registry.create("c1").unwrap();
        let pid = i32::try_from(std::process::id()).unwrap();
        let state = State { pid, start_time: start_time(pid).unwrap(), started: true, ..State::new("c1") };
        entry.write(&state).unwrap();
        assert!(matches!(registry.create("c1"), Err(Error::Exists(_))));
        let found = registry.get("c1").unwrap().read().unwrap();
        assert_eq!(found.status(), Status::Running);
        assert_eq!(registry.list().unwrap().len(), 1);
        let listener = entry.listen().unwrap();
        entry.connect().unwrap();
        drop(listener);
        entry.remove().unwrap();
        assert!(matches!(registry.get("c1"), Err(Error::NotFound(_))));
        std::fs::remove_dir(path).unwrap();
    }

    #[test]
    fn leftovers_of_dead_makers_are_removed() {
        let (registry, path) = registry();
        // As if the maker had died: its lock is gone with its descriptors.
        drop(registry.create("young").unwrap());
        let entry = registry.create("dead").unwrap();
        entry.write(&State { pid: i32::MAX, attached: true, ..State::new("dead") }).unwrap();
        drop(entry);
        let entry = registry.create("detached").unwrap();
        entry.write(&State { pid: i32::MAX, attached: false, ..State::new("detached") }).unwrap();
        drop(entry);
        let ids: Vec<_> = registry.list().unwrap().into_iter().map(|state| state.id).collect();
        assert_eq!(ids, ["detached"]);
        registry.get("detached").unwrap().remove().unwrap();
        std::fs::remove_dir(path).unwrap();
    }

    #[test]
    fn state_files_are_not_believed() {
        let (registry, path) = registry();
        let entry = registry.create("c").unwrap();
        let good = serde_json::to_string(&State::new("c")).unwrap();
        for (text, expected) in [
            ("{".to_owned(), "EOF"),
            (good.replace("\"version\":1", "\"version\":2"), "version 2"),
            (good.replace("\"id\":\"c\"", "\"id\":\"d\""), "container \"d\""),
        ] {
            std::fs::write(path.join("c/state.json"), text).unwrap();
            let error = entry.read().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        entry.remove().unwrap();
        std::fs::remove_dir(path).unwrap();
    }
}
