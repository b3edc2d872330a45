//! Opening what is a file in name only: devices, FIFOs, sockets.

use lazaret_abi::errno::Errno;

use super::{dev, file::FileOps, inode::FileKind, pipe::fifo, vfs::Location};

/// Operations for a device node, FIFO or socket; the device decides, not the file system the node
/// is in. `flags` are those of open(2).
///
/// # Errors
/// `ENXIO` when there is no such device, and for sockets, which are connected to instead.
pub fn open(location: &Location, flags: u32) -> Result<Box<dyn FileOps>, Errno> {
    if location.mount.is_internal() {
        return location.inode().clone().open(flags);
    }
    let attributes = location.inode().attributes()?;
    match attributes.kind {
        FileKind::CharDevice | FileKind::BlockDevice => dev::open(location.inode(), attributes.rdev, flags),
        FileKind::Fifo => Ok(Box::new(fifo::open((attributes.device, attributes.inode), flags)?)),
        _ => Err(Errno::ENXIO),
    }
}
