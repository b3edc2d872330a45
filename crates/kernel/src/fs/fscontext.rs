//! File system contexts: what fsopen(2) gives, fsconfig(2) fills in and fsmount(2) turns into a mount.

use lazaret_abi::errno::Errno;

use super::{
    anon::anonymous_file,
    file::{File, FileOps, flags},
    registry,
    vfs::SuperBlock,
};
use crate::sync::{Arc, Mutex};

/// Bytes of options that a context takes at most: a page, as mount data.
const OPTIONS_MAX: usize = 4096;

/// A file system being configured.
pub struct FsConfig {
    fs_type: String,
    state: Mutex<State>,
}

struct State {
    source: String,
    options: String,
    superblock: Option<Arc<SuperBlock>>,
    /// The file system existed before (fspick).
    picked: bool,
}

impl FsConfig {
    /// fsopen(2).
    ///
    /// # Errors
    /// `ENODEV` for a type that does not exist.
    pub fn open(fs_type: &str) -> Result<Arc<File>, Errno> {
        if !registry::NAMES.contains(&fs_type) {
            return Err(Errno::ENODEV);
        }
        let state = State { source: "none".to_owned(), options: String::new(), superblock: None, picked: false };
        Ok(FsConfig::file(FsConfig { fs_type: fs_type.to_owned(), state: Mutex::new(state) }))
    }

    /// fspick(2): to configure a mounted file system anew.
    pub fn pick(superblock: &Arc<SuperBlock>) -> Arc<File> {
        let state = State {
            source: superblock.source().to_owned(),
            options: String::new(),
            superblock: Some(superblock.clone()),
            picked: true,
        };
        FsConfig::file(FsConfig { fs_type: superblock.fs_type().to_owned(), state: Mutex::new(state) })
    }

    fn file(self) -> Arc<File> {
        anonymous_file("[fscontext]", Box::new(self), flags::RDWR)
    }

    /// Sets an option, with a value if it has one; `source` is what is mounted.
    ///
    /// # Errors
    /// `EBUSY` when the file system was made already, `EINVAL` when there are too many options.
    pub fn set(&self, key: &str, value: Option<&str>) -> Result<(), Errno> {
        let mut state = self.state.lock();
        if state.superblock.is_some() && !state.picked {
            return Err(Errno::EBUSY);
        }
        if let ("source", Some(source)) = (key, value) {
            state.source = source.to_owned();
            return Ok(());
        }
        let option = value.map_or(key.to_owned(), |value| format!("{key}={value}"));
        if key.contains(',') || option.contains(',') || state.options.len() + option.len() >= OPTIONS_MAX {
            return Err(Errno::EINVAL);
        }
        if !state.options.is_empty() {
            state.options.push(',');
        }
        state.options.push_str(&option);
        Ok(())
    }

    /// FSCONFIG_CMD_CREATE.
    ///
    /// # Errors
    /// `EBUSY` when it was made already, `EINVAL` for a bad option.
    pub fn create(&self, mounter: registry::Mounter<'_>) -> Result<(), Errno> {
        let mut state = self.state.lock();
        if state.superblock.is_some() {
            return Err(Errno::EBUSY);
        }
        let (options, read_only) = split_access(&state.options);
        let superblock = registry::new_superblock(mounter, &self.fs_type, &state.source, &options)?;
        superblock.set_read_only(read_only == Some(true));
        state.superblock = Some(superblock);
        Ok(())
    }

    /// FSCONFIG_CMD_RECONFIGURE.
    ///
    /// # Errors
    /// `EINVAL` for a bad option or a file system that was not made.
    pub fn reconfigure(&self) -> Result<(), Errno> {
        let mut state = self.state.lock();
        let superblock = state.superblock.clone().ok_or(Errno::EINVAL)?;
        let (options, read_only) = split_access(&std::mem::take(&mut state.options));
        registry::reconfigure(&superblock, &options)?;
        if let Some(read_only) = read_only {
            superblock.set_read_only(read_only);
        }
        Ok(())
    }

    /// The file system, for fsmount(2).
    ///
    /// # Errors
    /// `EINVAL` when it was not made.
    pub fn superblock(&self) -> Result<Arc<SuperBlock>, Errno> {
        let state = self.state.lock();
        if state.picked {
            return Err(Errno::EINVAL);
        }
        state.superblock.clone().ok_or(Errno::EINVAL)
    }
}

/// Takes `ro` and `rw`, which every file system has, out of the options.
fn split_access(options: &str) -> (String, Option<bool>) {
    let mut read_only = None;
    let rest: Vec<&str> = options
        .split(',')
        .filter(|option| match *option {
            "ro" => {
                read_only = Some(true);
                false
            }
            "rw" => {
                read_only = Some(false);
                false
            }
            _ => true,
        })
        .collect();
    (rest.join(","), read_only)
}

impl FileOps for FsConfig {
    fn is_seekable(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_is_configured_step_by_step() {
        let file = FsConfig::open("tmpfs").unwrap();
        let config = file.ops().downcast_ref::<FsConfig>().unwrap();
        assert!(config.superblock().is_err());
        config.set("size", Some("1m")).unwrap();
        config.set("source", Some("here")).unwrap();
        config.set("ro", None).unwrap();
        assert_eq!(config.set("a,b", None), Err(Errno::EINVAL));
        let kernel = crate::testing::kernel();
        let (ipc, cgroup) = (crate::ipc::IpcNamespace::new(), Arc::default());
        let mounter = registry::Mounter { kernel: &kernel, namespace: &kernel.pids, ipc: &ipc, cgroup: &cgroup };
        config.create(mounter).unwrap();
        let superblock = config.superblock().unwrap();
        assert_eq!((superblock.source(), superblock.options(), superblock.is_read_only()), ("here", "size=1m", true));
        assert_eq!(config.set("size", Some("2m")), Err(Errno::EBUSY));
        assert!(FsConfig::open("btrfs").is_err());
    }
}
