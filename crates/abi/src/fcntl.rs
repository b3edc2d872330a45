//! Opening and controlling files; see open(2), fcntl(2), flock(2), fallocate(2).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The access mode among the flags of open(2).
pub const ACCESS_MODE: u32 = 3;

names! {
    /// Access modes of open(2): values, not bits.
    pub mod access_mode: u32 = "O_" { RDONLY = 0, WRONLY = 1, RDWR = 2, ACCMODE = 3, }

    /// Flags of open(2); those made of several bits come before their parts.
    pub mod open: u32 = "O_" {
        CREAT = 0o100, EXCL = 0o200, NOCTTY = 0o400, TRUNC = 0o1000, APPEND = 0o2000, NONBLOCK = 0o4000,
        SYNC = 0o4010000, DSYNC = 0o10000, ASYNC = 0o20000, DIRECT = 0o40000, LARGEFILE = 0o100000,
        TMPFILE = 0o20200000, DIRECTORY = 0o200000, NOFOLLOW = 0o400000, NOATIME = 0o1000000, CLOEXEC = 0o2000000,
        PATH = 0o10000000,
    }

    /// Flags of pipe2(2).
    pub mod pipe: u32 = "O_" { NONBLOCK = 0o4000, DIRECT = 0o40000, CLOEXEC = 0o2000000, NOTIFICATION_PIPE = 0o200, }

    /// Flags of the calls that end in `at`.
    pub mod at: u32 = "AT_" {
        SYMLINK_NOFOLLOW = 0x100, SYMLINK_FOLLOW = 0x400, NO_AUTOMOUNT = 0x800, EMPTY_PATH = 0x1000,
        STATX_FORCE_SYNC = 0x2000, STATX_DONT_SYNC = 0x4000, RECURSIVE = 0x8000,
    }

    /// Flags of unlinkat(2).
    pub mod unlink: u32 = "AT_" { REMOVEDIR = 0x200, }

    /// Flags of faccessat2(2).
    pub mod access_flags: u32 = "AT_" { SYMLINK_NOFOLLOW = 0x100, EACCESS = 0x200, EMPTY_PATH = 0x1000, }

    /// Modes of access(2).
    pub mod access: u32 = "" { R_OK = 4, W_OK = 2, X_OK = 1, }

    /// Flags of openat2(2)'s `resolve`.
    pub mod resolve: u64 = "RESOLVE_" {
        NO_XDEV = 1, NO_MAGICLINKS = 2, NO_SYMLINKS = 4, BENEATH = 8, IN_ROOT = 0x10, CACHED = 0x20,
    }

    /// Flags of renameat2(2).
    pub mod rename: u32 = "RENAME_" { NOREPLACE = 1, EXCHANGE = 2, WHITEOUT = 4, }

    /// Commands of fcntl(2).
    pub mod command: u32 = "F_" {
        DUPFD = 0, GETFD = 1, SETFD = 2, GETFL = 3, SETFL = 4, GETLK = 5, SETLK = 6, SETLKW = 7, SETOWN = 8,
        GETOWN = 9, SETSIG = 10, GETSIG = 11, SETOWN_EX = 15, GETOWN_EX = 16, GETOWNER_UIDS = 17, OFD_GETLK = 36,
        OFD_SETLK = 37, OFD_SETLKW = 38, SETLEASE = 1024, GETLEASE = 1025, NOTIFY = 1026, DUPFD_QUERY = 1027,
        CREATED_QUERY = 1028, CANCELLK = 1029, DUPFD_CLOEXEC = 1030, SETPIPE_SZ = 1031, GETPIPE_SZ = 1032,
        ADD_SEALS = 1033, GET_SEALS = 1034, GET_RW_HINT = 1035, SET_RW_HINT = 1036, GET_FILE_RW_HINT = 1037,
        SET_FILE_RW_HINT = 1038,
    }

    /// What F_NOTIFY tells of.
    pub mod directory: u32 = "DN_" {
        ACCESS = 1, MODIFY = 2, CREATE = 4, DELETE = 8, RENAME = 0x10, ATTRIB = 0x20, MULTISHOT = 0x8000_0000,
    }

    /// Descriptor flags.
    pub mod descriptor: u32 = "FD_" { CLOEXEC = 1, }

    /// Seals of memfd_create(2).
    pub mod seal: u32 = "F_SEAL_" { SEAL = 1, SHRINK = 2, GROW = 4, WRITE = 8, FUTURE_WRITE = 0x10, EXEC = 0x20, }

    /// Flags of memfd_create(2).
    pub mod memfd: u32 = "MFD_" { CLOEXEC = 1, ALLOW_SEALING = 2, HUGETLB = 4, NOEXEC_SEAL = 8, EXEC = 0x10, }

    /// Lock types of fcntl(2).
    pub mod lock: i16 = "F_" { RDLCK = 0, WRLCK = 1, UNLCK = 2, }

    /// Operations of flock(2).
    pub mod flock: u32 = "LOCK_" { SH = 1, EX = 2, NB = 4, UN = 8, }

    /// Owners of F_SETOWN_EX.
    pub mod owner: i32 = "F_OWNER_" { TID = 0, PID = 1, PGRP = 2, }

    /// `whence` of lseek(2).
    pub mod seek: u32 = "SEEK_" { SET = 0, CUR = 1, END = 2, DATA = 3, HOLE = 4, }

    /// Modes of fallocate(2).
    pub mod fallocate: u32 = "FALLOC_FL_" {
        KEEP_SIZE = 1, PUNCH_HOLE = 2, NO_HIDE_STALE = 4, COLLAPSE_RANGE = 8, ZERO_RANGE = 0x10, INSERT_RANGE = 0x20,
        UNSHARE_RANGE = 0x40,
    }

    /// Advice of posix_fadvise(2).
    pub mod fadvise: u32 = "POSIX_FADV_" {
        NORMAL = 0, RANDOM = 1, SEQUENTIAL = 2, WILLNEED = 3, DONTNEED = 4, NOREUSE = 5,
    }

    /// Flags of preadv2(2).
    pub mod rwf: u32 = "RWF_" { HIPRI = 1, DSYNC = 2, SYNC = 4, NOWAIT = 8, APPEND = 0x10, NOAPPEND = 0x20, }

    /// Flags of splice(2), tee(2), vmsplice(2).
    pub mod splice: u32 = "SPLICE_F_" { MOVE = 1, NONBLOCK = 2, MORE = 4, GIFT = 8, }

    /// Flags of sync_file_range(2).
    pub mod sync_range: u32 = "SYNC_FILE_RANGE_" { WAIT_BEFORE = 1, WRITE = 2, WAIT_AFTER = 4, }

    /// Flags of close_range(2).
    pub mod close_range: u32 = "CLOSE_RANGE_" { UNSHARE = 2, CLOEXEC = 4, }

    /// Flags of setxattr(2).
    pub mod xattr: u32 = "XATTR_" { CREATE = 1, REPLACE = 2, }
}

structures! {
    /// `struct open_how` of openat2(2).
    pub struct OpenHow { pub flags: u64, pub mode: u64, pub resolve: u64, }

    /// `struct flock`.
    pub struct Flock {
        pub kind: i16,
        pub whence: i16,
        pub pad: u32,
        pub start: i64,
        pub length: i64,
        pub pid: i32,
        pub pad2: u32,
    }

    /// `struct f_owner_ex`.
    pub struct FOwnerEx { pub kind: i32, pub pid: i32, }

    /// `struct iovec`.
    pub struct IoVec { pub base: u64, pub length: u64, }

    /// Head of `struct file_handle`; the handle's bytes follow.
    pub struct FileHandle { pub bytes: u32, pub kind: i32, }

    /// `struct file_clone_range` of FICLONERANGE.
    pub struct FileCloneRange { pub source: i64, pub source_offset: u64, pub length: u64, pub offset: u64, }
}

/// Head of `struct linux_dirent64`; the name follows at once.
#[repr(C, packed)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[allow(missing_docs, reason = "the fields are those of the man page")]
pub struct Dirent64 {
    pub inode: u64,
    pub offset: i64,
    pub length: u16,
    pub kind: u8,
}
