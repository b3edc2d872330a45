//! inotify(7).

names! {
    /// Events and flags of inotify_add_watch(2).
    pub mod mask: u32 = "IN_" {
        ACCESS = 1, MODIFY = 2, ATTRIB = 4, CLOSE_WRITE = 8, CLOSE_NOWRITE = 0x10, OPEN = 0x20, MOVED_FROM = 0x40,
        MOVED_TO = 0x80, CREATE = 0x100, DELETE = 0x200, DELETE_SELF = 0x400, MOVE_SELF = 0x800, UNMOUNT = 0x2000,
        Q_OVERFLOW = 0x4000, IGNORED = 0x8000, ONLYDIR = 0x0100_0000, DONT_FOLLOW = 0x0200_0000,
        EXCL_UNLINK = 0x0400_0000, MASK_CREATE = 0x1000_0000, MASK_ADD = 0x2000_0000, ISDIR = 0x4000_0000,
        ONESHOT = 0x8000_0000,
    }

    /// Flags of inotify_init1(2).
    pub mod init: u32 = "IN_" { NONBLOCK = 0o4000, CLOEXEC = 0o2000000, }
}

/// All events that can be watched.
pub const ALL_EVENTS: u32 = 0xfff;

structures! {
    /// Head of `struct inotify_event`; the name follows.
    pub struct InotifyEvent { pub watch: i32, pub mask: u32, pub cookie: u32, pub length: u32, }
}
