//! Identifiers: descriptors, processes, users and groups.

use std::fmt;

use lazaret_snapshot::Snapshot;

macro_rules! identifiers {
    ($($(#[$attribute:meta])* $name:ident($type:ty);)*) => {
        $(
            $(#[$attribute])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Snapshot)]
            pub struct $name($type);

            impl $name {
                /// The identifier with this number.
                pub const fn new(number: $type) -> $name {
                    $name(number)
                }

                /// The number.
                pub const fn get(self) -> $type {
                    self.0
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    self.0.fmt(f)
                }
            }
        )*
    };
}

identifiers! {
    /// A file descriptor as an application names it; may be negative or not open.
    Fd(i32);
    /// A process, thread or process group id, or one of the special values 0, -1 and -n of kill(2).
    Pid(i32);
    /// A user id.
    Uid(u32);
    /// A group id.
    Gid(u32);
}

impl Fd {
    /// The working directory, where a directory is asked for.
    pub const CWD: Fd = Fd(-100);
}

impl Uid {
    /// The superuser.
    pub const ROOT: Uid = Uid(0);
    /// `(uid_t) -1`: leave it as it is.
    pub const UNCHANGED: Uid = Uid(u32::MAX);
}

impl Gid {
    /// The superuser's group.
    pub const ROOT: Gid = Gid(0);
    /// `(gid_t) -1`: leave it as it is.
    pub const UNCHANGED: Gid = Gid(u32::MAX);
}
