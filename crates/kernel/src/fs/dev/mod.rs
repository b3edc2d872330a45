//! Character devices: which device number means what.

mod memory;

use lazaret_abi::errno::Errno;

use super::{
    file::FileOps,
    inode::{FileKind, Inode},
};
use crate::{
    sync::Arc,
    tty::{Devpts, Slave, job},
};

/// Device number in the kernel's 64-bit encoding; see makedev(3).
pub const fn make_device(major: u32, minor: u32) -> u64 {
    let (major, minor) = (major as u64, minor as u64);
    (major & 0xffff_f000) << 32 | (major & 0xfff) << 8 | (minor & 0xffff_ff00) << 12 | minor & 0xff
}

/// Major and minor number of a device number.
pub const fn split_device(device: u64) -> (u32, u32) {
    let major = device >> 32 & 0xffff_f000 | device >> 8 & 0xfff;
    let minor = device >> 12 & 0xffff_ff00 | device & 0xff;
    (major as u32, minor as u32)
}

/// The nodes of a container's `/dev`: name, major and minor number. All have mode 0666.
pub const STANDARD_NODES: [(&str, u32, u32); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

/// Symbolic links of a container's `/dev`: name and target.
pub const STANDARD_LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Opens a device node; `flags` are those of open(2).
///
/// # Errors
/// `ENXIO` for a device that does not exist.
pub fn open(inode: &Arc<dyn Inode>, device: u64, flags: u32) -> Result<Box<dyn FileOps>, Errno> {
    match (inode.kind(), split_device(device)) {
        (FileKind::CharDevice, (1, minor)) => memory::open(minor),
        (FileKind::CharDevice, (5, 0)) => {
            let terminal = job::controlling().ok_or(Errno::ENXIO)?;
            Slave::open(&terminal, flags | super::file::flags::NOCTTY)
        }
        // Which terminal a number means is known to the devpts that the node is in.
        (FileKind::CharDevice, (5, 2) | (136..=143, _)) if Devpts::has_node(inode) => inode.clone().open(flags),
        _ => Err(Errno::ENXIO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_numbers_are_those_of_the_c_library() {
        for (major, minor) in [(1, 3), (5, 2), (136, 70_000), (0xfff, 0xf_ffff), (4096, 256)] {
            assert_eq!(make_device(major, minor), rustix::fs::makedev(major, minor));
            assert_eq!(split_device(make_device(major, minor)), (major, minor));
        }
    }
}
