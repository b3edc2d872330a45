//! Files that messages are appended to.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use rustix::fs::OFlags;

/// Opens a log. It is its owner's alone, for a trace shows an application's data; and no link is followed,
/// for others may have put one there, but `/dev/stderr` and the like, which are the host's own.
///
/// # Errors
/// Those of open(2); `ELOOP` is a link.
pub fn open_log(path: &Path) -> io::Result<File> {
    let may_link = path.starts_with("/dev") || path.starts_with("/proc");
    let flags = if may_link { OFlags::NOCTTY } else { OFlags::NOCTTY | OFlags::NOFOLLOW };
    OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags.bits().cast_signed()).open(path)
}
