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
    // Not all below /dev is: anybody can write in /dev/shm.
    let may_link = path.parent() == Some(Path::new("/dev")) || path.starts_with("/dev/fd") || path.starts_with("/proc");
    let flags = if may_link { OFlags::NOCTTY } else { OFlags::NOCTTY | OFlags::NOFOLLOW };
    OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags.bits().cast_signed()).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_others_are_not_followed() {
        let name = format!("lazaret-log-{}", std::process::id());
        for directory in ["/dev/shm", "/tmp"] {
            let (link, target) = (Path::new(directory).join(&name), Path::new("/tmp").join(format!("{name}-target")));
            std::os::unix::fs::symlink(&target, &link).unwrap();
            let opened = open_log(&link);
            std::fs::remove_file(&link).unwrap();
            assert_eq!(opened.unwrap_err().raw_os_error(), Some(libc::ELOOP), "{directory}");
            assert!(!target.exists());
        }
        open_log(Path::new("/dev/stderr")).unwrap();
        open_log(Path::new("/dev/fd/2")).unwrap();
    }
}
