//! poll(2), epoll(7), eventfd(2).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

names! {
    /// Events of poll(2).
    pub mod poll: u32 = "POLL" {
        IN = 1, PRI = 2, OUT = 4, ERR = 8, HUP = 0x10, NVAL = 0x20, RDNORM = 0x40, RDBAND = 0x80, WRNORM = 0x100,
        WRBAND = 0x200, MSG = 0x400, RDHUP = 0x2000,
    }

    /// Events and input flags of epoll_ctl(2).
    pub mod events: u32 = "EPOLL" {
        IN = 1, PRI = 2, OUT = 4, ERR = 8, HUP = 0x10, RDNORM = 0x40, RDBAND = 0x80, WRNORM = 0x100, WRBAND = 0x200,
        MSG = 0x400, RDHUP = 0x2000, EXCLUSIVE = 1 << 28, WAKEUP = 1 << 29, ONESHOT = 1 << 30, ET = 1 << 31,
    }

    /// Operations of epoll_ctl(2).
    pub mod control: i32 = "EPOLL_CTL_" { ADD = 1, DEL = 2, MOD = 3, }

    /// Flags of epoll_create1(2).
    pub mod create: u32 = "EPOLL_" { CLOEXEC = 0o2000000, }

    /// Flags of eventfd2(2).
    pub mod eventfd: u32 = "EFD_" { SEMAPHORE = 1, NONBLOCK = 0o4000, CLOEXEC = 0o2000000, }
}

structures! {
    /// `struct pollfd`.
    pub struct PollFd { pub fd: i32, pub events: i16, pub revents: i16, }

    /// What pselect6(2) takes as its last argument.
    pub struct SigsetArgument { pub set: u64, pub size: u64, }
}

/// `struct epoll_event`, which x86_64 packs.
#[repr(C, packed)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct EpollEvent {
    /// Bits of [`events`].
    pub events: u32,
    /// The application's value.
    pub data: u64,
}
