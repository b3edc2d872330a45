//! How files of the host are reached: by descriptors, or by a server's fids.

use std::{
    ffi::CStr,
    os::fd::{AsFd, OwnedFd},
};

use lazaret_abi::errno::Errno;
use rustix::fs::{StatVfsMountFlags, fstatvfs};

use super::{
    Listing, local,
    remote::{Fid, Session},
};
use crate::{
    fs::inode::{Attributes, FsStatistics, NewAttributes, NewNode, SetAttributes},
    sync::Arc,
};

/// What the gofer hands over for a mount.
pub enum HostFile {
    /// O_PATH descriptor of a directory, or an open file.
    Donated(OwnedFd),
    /// A server of 9P2000.L, whose root is the mount's.
    Served {
        /// The connection.
        connection: OwnedFd,
        /// Nobody will want to write below.
        read_only: bool,
        /// What the server does with sockets.
        sockets: HostSockets,
    },
}

/// What may be done with sockets of the host in a tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct HostSockets {
    /// Connect to them.
    pub open: bool,
    /// Make them.
    pub create: bool,
}

/// A file of the host that is held: a directory in most cases, by which its entries are reached.
///
/// Names are single components, and links are not followed. An empty name means the file itself. Attributes have the
/// host's device numbers.
pub enum Handle {
    /// A descriptor: O_PATH, or open for reading.
    Local(OwnedFd),
    /// A fid.
    Remote(Fid),
}

/// Calls what has the same name and arguments on both sides.
macro_rules! either {
    ($self:ident.$name:ident($($argument:expr),*)) => {
        match $self {
            Handle::Local(descriptor) => local::$name(descriptor.as_fd(), $($argument),*),
            Handle::Remote(fid) => fid.$name($($argument),*),
        }
    };
}

impl Handle {
    /// The root of a mount. `lost` is called once if the server's end goes.
    ///
    /// # Errors
    /// Those of talking to a server.
    pub fn open(file: HostFile, lost: impl Fn() + Send + Sync + 'static) -> Result<Handle, Errno> {
        Ok(match file {
            HostFile::Donated(descriptor) => Handle::Local(descriptor),
            HostFile::Served { connection, read_only, sockets } => {
                Handle::Remote(Session::connect(connection, (read_only, sockets), Box::new(lost))?)
            }
        })
    }

    /// Nobody can write below, or will want to.
    ///
    /// # Errors
    /// Those of fstatvfs(3).
    pub fn is_read_only(&self) -> Result<bool, Errno> {
        match self {
            Handle::Local(descriptor) => {
                Ok(fstatvfs(descriptor).map_err(super::errno)?.f_flag.contains(StatVfsMountFlags::RDONLY))
            }
            Handle::Remote(fid) => Ok(fid.is_read_only()),
        }
    }

    /// What may be done with sockets below.
    pub fn sockets(&self) -> HostSockets {
        match self {
            // This process may make none.
            Handle::Local(_) => HostSockets::default(),
            Handle::Remote(fid) => fid.sockets(),
        }
    }

    /// Attributes.
    pub fn attributes(&self, name: &CStr) -> Result<Attributes, Errno> {
        either!(self.attributes(name))
    }

    /// A directory, so that it can be listed unless the host forbids it.
    pub fn open_directory(&self, name: &CStr) -> Result<Handle, Errno> {
        match self {
            Handle::Local(descriptor) => local::open_directory(descriptor.as_fd(), name).map(Handle::Local),
            Handle::Remote(fid) => fid.walk(name).map(Handle::Remote),
        }
    }

    /// Whatever file, and its attributes.
    pub fn entry(&self, name: &CStr) -> Result<(Handle, Attributes), Errno> {
        match self {
            Handle::Local(descriptor) => {
                let descriptor = local::entry(descriptor.as_fd(), name)?;
                let attributes = local::attributes(descriptor.as_fd(), c"")?;
                Ok((Handle::Local(descriptor), attributes))
            }
            Handle::Remote(fid) => fid.entry(name).map(|(fid, attributes)| (Handle::Remote(fid), attributes)),
        }
    }

    /// Opens a regular file for reading, or for reading and writing.
    pub fn open_file(&self, name: &CStr, writable: bool) -> Result<OwnedFd, Errno> {
        either!(self.open_file(name, writable))
    }

    /// Makes a regular file without a name, open for reading and writing.
    pub fn open_unnamed(&self, permissions: u32) -> Result<OwnedFd, Errno> {
        match self {
            Handle::Local(descriptor) => local::open_unnamed(descriptor.as_fd(), permissions),
            // The protocol has no way to.
            Handle::Remote(_) => Err(Errno::EOPNOTSUPP),
        }
    }

    /// The entries of this directory.
    pub fn list(&self) -> Result<Listing, Errno> {
        either!(self.list())
    }

    /// Target of a symbolic link.
    pub fn read_link(&self, name: &CStr) -> Result<Vec<u8>, Errno> {
        either!(self.read_link(name))
    }

    /// Makes an entry with these attributes; those that it has then.
    pub fn make(&self, name: &CStr, node: NewNode<'_>, attributes: &NewAttributes) -> Result<Attributes, Errno> {
        either!(self.make(name, node, attributes))
    }

    /// A socket that is connected to the one whose file this is.
    pub fn connect(&self, name: &CStr, kind: u32) -> Result<OwnedFd, Errno> {
        match self {
            Handle::Remote(fid) if fid.sockets().open => fid.connect(name, kind),
            _ => Err(Errno::ECONNREFUSED),
        }
    }

    /// A socket that is bound to a new entry, and what stands for it with the server; `None` if that makes none.
    pub fn bind(
        &self,
        name: &CStr,
        kind: u32,
        attributes: &NewAttributes,
    ) -> Result<Option<(OwnedFd, Fid, Attributes)>, Errno> {
        match self {
            Handle::Remote(fid) if fid.sockets().create => fid.bind(name, kind, attributes).map(Some),
            _ => Ok(None),
        }
    }

    /// Makes `new_name` in `directory` another name of an entry.
    pub fn link(&self, name: &CStr, directory: &Handle, new_name: &CStr) -> Result<(), Errno> {
        match (self, directory) {
            (Handle::Local(from), Handle::Local(to)) => local::link(from.as_fd(), name, to.as_fd(), new_name),
            (Handle::Remote(from), Handle::Remote(to)) => from.link(name, to, new_name),
            _ => Err(Errno::EXDEV),
        }
    }

    /// Removes an entry.
    pub fn remove(&self, name: &CStr, is_directory: bool) -> Result<(), Errno> {
        either!(self.remove(name, is_directory))
    }

    /// Renames an entry; `flags` are those of renameat2(2).
    pub fn rename(&self, name: &CStr, directory: &Handle, new_name: &CStr, flags: u32) -> Result<(), Errno> {
        match (self, directory) {
            (Handle::Local(from), Handle::Local(to)) => local::rename(from.as_fd(), name, to.as_fd(), new_name, flags),
            (Handle::Remote(from), Handle::Remote(to)) => from.rename(name, to, new_name, flags),
            _ => Err(Errno::EXDEV),
        }
    }

    /// Changes all but the size of a file, which must be the one of this `key`.
    pub fn set_attributes(&self, name: &CStr, key: (u64, u64), change: &SetAttributes) -> Result<(), Errno> {
        either!(self.set_attributes(name, key, change))
    }

    /// Reads an extended attribute of a regular file or a directory.
    pub fn get_xattr(&self, name: &CStr, attribute: &CStr) -> Result<Vec<u8>, Errno> {
        either!(self.get_xattr(name, attribute))
    }

    /// Sets one; `flags` are those of setxattr(2).
    pub fn set_xattr(&self, name: &CStr, attribute: &CStr, value: &[u8], flags: u32) -> Result<(), Errno> {
        either!(self.set_xattr(name, attribute, value, flags))
    }

    /// The names of all, each with a zero byte behind it.
    pub fn list_xattrs(&self, name: &CStr) -> Result<Vec<u8>, Errno> {
        either!(self.list_xattrs(name))
    }

    /// Removes one.
    pub fn remove_xattr(&self, name: &CStr, attribute: &CStr) -> Result<(), Errno> {
        either!(self.remove_xattr(name, attribute))
    }

    /// Statistics of the file system.
    pub fn statistics(&self) -> Result<FsStatistics, Errno> {
        either!(self.statistics())
    }

    /// Has a directory's entries written to the disk.
    pub fn sync(&self) -> Result<(), Errno> {
        either!(self.sync())
    }
}

/// What tells a file of the host from all others: device and inode.
pub fn key_of(attributes: &Attributes) -> (u64, u64) {
    (attributes.device, attributes.inode)
}

/// Attributes of an open file of the host.
pub fn attributes_of(descriptor: &Arc<OwnedFd>) -> Result<Attributes, Errno> {
    local::attributes(descriptor.as_fd(), c"")
}
