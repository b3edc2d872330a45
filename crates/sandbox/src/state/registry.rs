//! The directory of all containers.

use std::{os::fd::OwnedFd, path::PathBuf, time::Duration};

use rustix::{
    fs::{Dir, FlockOperation, Mode, OFlags, flock, mkdirat, open, openat},
    io::{Errno, retry_on_intr as retry},
};

use super::{Entry, State, check_id, entry::LOCK};
use crate::{config::Config, error::Error, join};

/// All containers under one `--root`.
#[derive(Debug)]
pub struct Registry {
    directory: OwnedFd,
    path: PathBuf,
    answer_timeout: Duration,
}

impl Registry {
    /// Opens the directory, or makes it.
    ///
    /// # Errors
    /// Names the directory.
    pub fn open(config: &Config) -> Result<Registry, Error> {
        let path = config.root.as_path();
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
        Ok(Registry { directory, path: path.into(), answer_timeout: config.answer_timeout })
    }

    /// The one that a container's directory is in.
    ///
    /// # Errors
    /// That of copying a descriptor.
    pub(crate) fn of(entry: &Entry) -> Result<Registry, Error> {
        let directory = entry.parent.try_clone().map_err(|error| Error::host("copy a descriptor", error))?;
        Ok(Registry { directory, path: "the state directory".into(), answer_timeout: entry.answer_timeout })
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
        if let Ok(state) = entry.read() {
            // Its processes have ended; what cannot be removed now stays until the next attempt.
            if state.cgroup.as_ref().is_some_and(|cgroup| cgroup.remove().is_err()) {
                return false;
            }
            state.links.iter().for_each(|links| links.give_back(state.pid));
            if let Some(Ok(Some(sandbox))) = state.sandbox.as_ref().map(|sandbox| self.entry(sandbox)) {
                join::abandon(&sandbox, &state);
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
                Ok(Some(Entry { id: id.into(), directory, parent, answer_timeout: self.answer_timeout }))
            }
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(Error::host(format!("open {}", self.path.join(id).display()), errno)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Status, start_time};

    fn registry() -> (Registry, PathBuf) {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("lazaret-state-{}-{number}", std::process::id()));
        (Registry::open(&Config::of_root(path.clone())).unwrap(), path)
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
            (good.replace("\"version\":2", "\"version\":3"), "version 3"),
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
