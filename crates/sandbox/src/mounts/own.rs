//! How the files of a mount are reached: for all mounts, and by options of our own in `mounts[].options`, which other
//! runtimes take for comments.

use lazaret_gofer::serve::Allowed;

use crate::spec::Mount;

/// What our options begin with.
const PREFIX: &str = "x-lazaret.";

/// How the host's files are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileAccess {
    /// The sandbox process opens files below donated directories; else a process of its own serves them, and the
    /// sandbox process has no directory.
    pub directfs: bool,
    /// Who changes the root. Unless told, only the container if its writes stay in the sandbox, and others as well if
    /// not.
    pub root: Option<FileSharing>,
    /// Who changes what is mounted.
    pub mounts: FileSharing,
    /// What may be done with sockets of the host that are in mounts. If anything, mounts are served, for the sandbox
    /// process makes no sockets.
    pub sockets: HostSockets,
}

/// What a container may do with Unix sockets of the host.
pub type HostSockets = Allowed;

impl Default for FileAccess {
    fn default() -> FileAccess {
        FileAccess { directfs: true, root: None, mounts: FileSharing::Shared, sockets: HostSockets::default() }
    }
}

/// Who changes files of the host while a container has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSharing {
    /// Others as well: the host is always asked.
    Shared,
    /// Nobody else: what was found once is found again.
    Exclusive,
}

/// What a mount says for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// `x-lazaret.directfs=`.
    pub directfs: Option<bool>,
    /// `x-lazaret.file-access=`.
    pub access: Option<FileSharing>,
}

impl Own {
    /// The options of a mount that are ours.
    ///
    /// # Errors
    /// The position of one that is wrong, and the problem.
    pub fn of(mount: &Mount) -> Result<Own, (usize, String)> {
        let mut own = Own::default();
        for (index, option) in mount.options.iter().flatten().enumerate() {
            let Some(ours) = option.strip_prefix(PREFIX) else { continue };
            match ours.split_once('=') {
                Some(("directfs", "true")) => own.directfs = Some(true),
                Some(("directfs", "false")) => own.directfs = Some(false),
                Some(("file-access", "shared")) => own.access = Some(FileSharing::Shared),
                Some(("file-access", "exclusive")) => own.access = Some(FileSharing::Exclusive),
                _ => return Err((index, format!("{option:?} is unknown"))),
            }
        }
        Ok(own)
    }
}
