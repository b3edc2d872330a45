//! The systems that are compared.

use std::fmt;

use clap::ValueEnum;

/// Something that runs a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Peer {
    /// The host's kernel: a chroot with a mount and a pid namespace.
    Host,
    /// runc: the floor that a container can reach.
    Runc,
    /// gVisor's runsc: an application kernel, too.
    Runsc,
    /// This project.
    Lazaret,
}

impl Peer {
    /// All of them, in the order of the tables' columns.
    pub const ALL: [Self; 4] = [Self::Host, Self::Runc, Self::Runsc, Self::Lazaret];
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Peer::Host => "host",
            Peer::Runc => "runc",
            Peer::Runsc => "runsc",
            Peer::Lazaret => "lazaret",
        })
    }
}
