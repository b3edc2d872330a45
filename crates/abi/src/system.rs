//! The system as a whole; see uname(2), sysinfo(2), getrandom(2), reboot(2).

names! {
    /// Flags of getrandom(2).
    pub mod random: u32 = "GRND_" { NONBLOCK = 1, RANDOM = 2, INSECURE = 4, }

    /// Actions of syslog(2).
    pub mod syslog: u32 = "SYSLOG_ACTION_" {
        CLOSE = 0, OPEN = 1, READ = 2, READ_ALL = 3, READ_CLEAR = 4, CLEAR = 5, CONSOLE_OFF = 6, CONSOLE_ON = 7,
        CONSOLE_LEVEL = 8, SIZE_UNREAD = 9, SIZE_BUFFER = 10,
    }
}

/// Length of a field of `struct utsname`, with its terminating zero.
pub const UTS_LENGTH: usize = 65;

/// `struct utsname`.
#[repr(C)]
#[derive(Clone, Copy, Debug, zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable, zerocopy::KnownLayout)]
#[allow(missing_docs, reason = "the fields are those of the man page")]
pub struct UtsName {
    pub system: [u8; UTS_LENGTH],
    pub node: [u8; UTS_LENGTH],
    pub release: [u8; UTS_LENGTH],
    pub version: [u8; UTS_LENGTH],
    pub machine: [u8; UTS_LENGTH],
    pub domain: [u8; UTS_LENGTH],
}

structures! {
    /// `struct sysinfo`.
    pub struct SysInfo {
        pub uptime: i64,
        pub loads: [u64; 3],
        pub total_ram: u64,
        pub free_ram: u64,
        pub shared_ram: u64,
        pub buffer_ram: u64,
        pub total_swap: u64,
        pub free_swap: u64,
        pub processes: u16,
        pub pad: [u16; 3],
        pub total_high: u64,
        pub free_high: u64,
        pub unit: u32,
        pub pad2: u32,
    }
}
