//! What a process knows of the file tree: root, working directory, umask.

use lazaret_snapshot::Snapshot;

use super::file::Location;
use crate::sync::RwLock;

/// Root directory, working directory and umask; shared by tasks cloned with CLONE_FS.
#[derive(Snapshot)]
pub struct FsContext {
    state: RwLock<State>,
}

#[derive(Clone, Snapshot)]
struct State {
    root: Location,
    directory: Location,
    umask: u32,
}

impl FsContext {
    /// A context; the umask starts as 022.
    pub fn new(root: Location, directory: Location) -> FsContext {
        FsContext { state: RwLock::new(State { root, directory, umask: 0o022 }) }
    }

    /// A copy for fork(2).
    pub fn duplicate(&self) -> FsContext {
        FsContext { state: RwLock::new(self.state.read().clone()) }
    }

    /// Root directory, working directory and umask at one moment.
    pub fn all(&self) -> (Location, Location, u32) {
        let state = self.state.read();
        (state.root.clone(), state.directory.clone(), state.umask)
    }

    /// Where absolute paths start; `..` never leads above it.
    pub fn root(&self) -> Location {
        self.state.read().root.clone()
    }

    /// Where relative paths start.
    pub fn directory(&self) -> Location {
        self.state.read().directory.clone()
    }

    /// chroot(2).
    pub fn set_root(&self, root: Location) {
        self.state.write().root = root;
    }

    /// chdir(2).
    pub fn set_directory(&self, directory: Location) {
        self.state.write().directory = directory;
    }

    /// Mode bits that new files do not get.
    pub fn umask(&self) -> u32 {
        self.state.read().umask
    }

    /// umask(2); returns the old one.
    pub fn set_umask(&self, umask: u32) -> u32 {
        std::mem::replace(&mut self.state.write().umask, umask & 0o777)
    }
}
