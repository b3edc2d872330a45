//! Time and timers; see clock_gettime(2), timer_create(2), timerfd_create(2), adjtimex(2).

names! {
    /// Clocks. Negative ids name CPU clocks of processes; see clock_getcpuclockid(3).
    pub mod clock: i32 = "CLOCK_" {
        REALTIME = 0, MONOTONIC = 1, PROCESS_CPUTIME_ID = 2, THREAD_CPUTIME_ID = 3, MONOTONIC_RAW = 4,
        REALTIME_COARSE = 5, MONOTONIC_COARSE = 6, BOOTTIME = 7, REALTIME_ALARM = 8, BOOTTIME_ALARM = 9, TAI = 11,
    }

    /// Flags of clock_nanosleep(2) and timer_settime(2).
    pub mod timer: u32 = "TIMER_" { ABSTIME = 1, }

    /// Flags of timerfd_settime(2).
    pub mod timerfd_set: u32 = "TFD_TIMER_" { ABSTIME = 1, CANCEL_ON_SET = 2, }

    /// Flags of timerfd_create(2).
    pub mod timerfd: u32 = "TFD_" { NONBLOCK = 0o4000, CLOEXEC = 0o2000000, }

    /// Interval timers of setitimer(2).
    pub mod interval: u32 = "ITIMER_" { REAL = 0, VIRTUAL = 1, PROF = 2, }
}

/// Nanoseconds in a second.
pub const NANOS_PER_SEC: i64 = 1_000_000_000;
/// Microseconds in a second.
pub const MICROS_PER_SEC: i64 = 1_000_000;
/// Clock ticks in a second, as times(2) and /proc count them (USER_HZ).
pub const TICKS_PER_SEC: i64 = 100;

structures! {
    /// `struct timespec`.
    pub struct Timespec { pub sec: i64, pub nsec: i64, }

    /// `struct timeval`.
    pub struct Timeval { pub sec: i64, pub usec: i64, }

    /// `struct timezone`.
    pub struct Timezone { pub minutes_west: i32, pub dst_time: i32, }

    /// `struct itimerspec`.
    pub struct ITimerSpec { pub interval: Timespec, pub value: Timespec, }

    /// `struct itimerval`.
    pub struct ITimerVal { pub interval: Timeval, pub value: Timeval, }

    /// `struct utimbuf`.
    pub struct UTimBuf { pub actime: i64, pub modtime: i64, }

    /// `struct tms`, in clock ticks.
    pub struct Tms { pub user: i64, pub system: i64, pub children_user: i64, pub children_system: i64, }

    /// `struct timex`.
    pub struct Timex {
        pub modes: u32,
        pub pad: u32,
        pub offset: i64,
        pub frequency: i64,
        pub max_error: i64,
        pub estimated_error: i64,
        pub status: i32,
        pub pad2: u32,
        pub constant: i64,
        pub precision: i64,
        pub tolerance: i64,
        pub time: Timeval,
        pub tick: i64,
        pub pps_frequency: i64,
        pub jitter: i64,
        pub shift: i32,
        pub pad3: u32,
        pub stability: i64,
        pub jitter_count: i64,
        pub calibration_count: i64,
        pub error_count: i64,
        pub stability_count: i64,
        pub tai: i32,
        pub pad4: [u32; 11],
    }
}

impl Timespec {
    /// The nanoseconds are below a second and the time is not negative, as most calls demand.
    pub const fn is_valid(&self) -> bool {
        self.sec >= 0 && self.nsec >= 0 && self.nsec < NANOS_PER_SEC
    }
}

impl Timeval {
    /// The microseconds are below a second and the time is not negative, as most calls demand.
    pub const fn is_valid(&self) -> bool {
        self.sec >= 0 && self.usec >= 0 && self.usec < MICROS_PER_SEC
    }
}
