//! Copying up.

use lazaret_abi::errno::Errno;
use rustix::io::pread;

use crate::{
    fs::inode::{FileKind, Inode, NewAttributes, NewNode, SetAttributes},
    sync::Arc,
    uio::Scratch,
};

/// Copies a lower file to `name` in an upper directory; a directory without its entries.
pub fn copy(
    lower: &Arc<dyn Inode>,
    directory: &dyn Inode,
    name: &[u8],
    content: bool,
) -> Result<Arc<dyn Inode>, Errno> {
    let from = lower.attributes()?;
    let attributes = NewAttributes { permissions: from.permissions, uid: from.uid, gid: from.gid };
    let link;
    let node = match from.kind {
        FileKind::Directory => NewNode::Directory,
        FileKind::Symlink => {
            link = lower.read_link()?;
            NewNode::Symlink(&link)
        }
        kind => NewNode::Node { kind, rdev: from.rdev },
    };
    let upper = directory.create(name, node, &attributes)?;
    let filled = (|| {
        if from.kind == FileKind::Regular && content {
            copy_content(lower, &upper, from.size)?;
        }
        copy_attributes(&**lower, &*upper)
    })();
    if let Err(error) = filled {
        // Half a copy must not hide the whole file below. The first error is the one to report.
        let _ = if from.kind == FileKind::Directory { directory.rmdir(name) } else { directory.unlink(name) };
        return Err(error);
    }
    Ok(upper)
}

fn copy_content(lower: &Arc<dyn Inode>, upper: &Arc<dyn Inode>, size: u64) -> Result<(), Errno> {
    upper.set_attributes(&SetAttributes { size: Some(size), ..SetAttributes::default() })?;
    if size == 0 {
        return Ok(());
    }
    let source = lower.host_mapping(false)?;
    let mut buffer = Scratch::take();
    let mut offset = 0;
    while offset < size {
        let got = pread(&*source.fd, &mut *buffer, offset).map_err(|error| Errno::from_raw(error.raw_os_error()))?;
        if got == 0 {
            break;
        }
        upper.write_content(offset, &buffer[..got])?;
        offset += got as u64;
    }
    Ok(())
}

/// Gives an upper inode the attributes, times and extended attributes of a lower one.
pub fn copy_attributes(lower: &dyn Inode, upper: &dyn Inode) -> Result<(), Errno> {
    let from = lower.attributes()?;
    upper.set_attributes(&SetAttributes {
        permissions: (from.kind != FileKind::Symlink).then_some(from.permissions),
        uid: Some(from.uid),
        gid: Some(from.gid),
        size: None,
        atime: Some(from.atime),
        mtime: Some(from.mtime),
        ctime: None,
    })?;
    // Last, for a change of the owner takes the capabilities away.
    for name in lower.list_xattrs()? {
        // What the upper layer does not keep (security labels) is not worth a failure.
        if let Ok(value) = lower.get_xattr(&name) {
            let _ = upper.set_xattr(&name, &value, 0);
        }
    }
    Ok(())
}
