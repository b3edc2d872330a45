//! POSIX message queues; see mq_overview(7).

/// Priorities of messages are below this (MQ_PRIO_MAX).
pub const PRIORITIES: u32 = 32_768;

/// Bytes that SIGEV_THREAD of mq_notify(2) sends: the last one tells why.
pub const COOKIE_SIZE: usize = 32;

names! {
    /// The last byte of that cookie.
    pub mod notify: u8 = "NOTIFY_" { WOKENUP = 1, REMOVED = 2, }
}

structures! {
    /// `struct mq_attr`.
    pub struct MqAttr { pub flags: i64, pub max_messages: i64, pub message_size: i64, pub messages: i64, pub reserved: [i64; 4], }
}
