//! File attributes; see stat(2), statx(2), statfs(2), inode(7).

use crate::time::Timespec;

names! {
    /// Types of files in `st_mode`: values under [`FORMAT`], not bits.
    pub mod format: u32 = "S_" {
        IFIFO = 0o010000, IFCHR = 0o020000, IFDIR = 0o040000, IFBLK = 0o060000, IFREG = 0o100000, IFLNK = 0o120000,
        IFSOCK = 0o140000,
    }

    /// Set-id and sticky bits of `st_mode`.
    pub mod mode: u32 = "S_" { ISUID = 0o4000, ISGID = 0o2000, ISVTX = 0o1000, }

    /// Fields that statx(2) is asked for.
    pub mod statx: u32 = "STATX_" {
        TYPE = 1, MODE = 2, NLINK = 4, UID = 8, GID = 0x10, ATIME = 0x20, MTIME = 0x40, CTIME = 0x80, INO = 0x100,
        SIZE = 0x200, BLOCKS = 0x400, BTIME = 0x800, MNT_ID = 0x1000, DIOALIGN = 0x2000, MNT_ID_UNIQUE = 0x4000,
        SUBVOL = 0x8000, WRITE_ATOMIC = 0x1_0000,
    }

    /// Attributes that statx(2) tells.
    pub mod attribute: u64 = "STATX_ATTR_" {
        COMPRESSED = 4, IMMUTABLE = 0x10, APPEND = 0x20, NODUMP = 0x40, ENCRYPTED = 0x800, AUTOMOUNT = 0x1000,
        MOUNT_ROOT = 0x2000, VERITY = 0x10_0000, DAX = 0x20_0000,
    }
}

/// The type of a file in `st_mode`.
pub const FORMAT: u32 = 0o170000;
/// All that stat(2) tells (STATX_BASIC_STATS).
pub const STATX_BASIC: u32 = 0x7ff;
/// `tv_nsec` of utimensat(2): the present time.
pub const UTIME_NOW: i64 = 0x3fff_ffff;
/// `tv_nsec` of utimensat(2): leave it as it is.
pub const UTIME_OMIT: i64 = 0x3fff_fffe;

structures! {
    /// `struct stat`.
    pub struct Stat {
        pub dev: u64,
        pub ino: u64,
        pub nlink: u64,
        pub mode: u32,
        pub uid: u32,
        pub gid: u32,
        pub pad: u32,
        pub rdev: u64,
        pub size: i64,
        pub blksize: i64,
        pub blocks: i64,
        pub atime: Timespec,
        pub mtime: Timespec,
        pub ctime: Timespec,
        pub unused: [i64; 3],
    }

    /// `struct statx_timestamp`.
    pub struct StatxTimestamp { pub sec: i64, pub nsec: u32, pub reserved: i32, }

    /// `struct statx`.
    pub struct Statx {
        pub mask: u32,
        pub blksize: u32,
        pub attributes: u64,
        pub nlink: u32,
        pub uid: u32,
        pub gid: u32,
        pub mode: u16,
        pub spare: u16,
        pub ino: u64,
        pub size: u64,
        pub blocks: u64,
        pub attributes_mask: u64,
        pub atime: StatxTimestamp,
        pub btime: StatxTimestamp,
        pub ctime: StatxTimestamp,
        pub mtime: StatxTimestamp,
        pub rdev_major: u32,
        pub rdev_minor: u32,
        pub dev_major: u32,
        pub dev_minor: u32,
        pub mnt_id: u64,
        pub dio_mem_align: u32,
        pub dio_offset_align: u32,
        pub subvol: u64,
        pub atomic_write_unit_min: u32,
        pub atomic_write_unit_max: u32,
        pub atomic_write_segments_max: u32,
        pub dio_read_offset_align: u32,
        pub spare2: [u64; 9],
    }

    /// `struct statfs`.
    pub struct StatFs {
        pub kind: i64,
        pub bsize: i64,
        pub blocks: u64,
        pub bfree: u64,
        pub bavail: u64,
        pub files: u64,
        pub ffree: u64,
        pub fsid: [i32; 2],
        pub namelen: i64,
        pub frsize: i64,
        pub flags: i64,
        pub spare: [i64; 4],
    }
}
