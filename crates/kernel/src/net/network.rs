//! Where the sockets of AF_INET and AF_INET6 reach to.

use std::os::fd::OwnedFd;

use lazaret_hostcall::netlink::{self, Tables};

use super::interface;
use crate::sync::Mutex;

/// The network of a sandbox.
#[derive(Default)]
pub enum Network {
    /// The loopback interface of this kernel, and no other.
    #[default]
    Loopback,
    /// That of the host: sockets are the host's. The descriptor is of NETLINK_ROUTE, to tell of its interfaces.
    Host(Mutex<OwnedFd>),
}

impl Network {
    /// The network namespace that this thread is in.
    ///
    /// # Errors
    /// Those of making a netlink socket.
    pub fn of_host() -> std::io::Result<Network> {
        Ok(Network::Host(Mutex::new(netlink::open()?)))
    }

    /// Interfaces, addresses and routes.
    pub fn tables(&self) -> Tables {
        match self {
            Network::Loopback => interface::loopback(),
            // A host that does not tell: then nothing is shown.
            Network::Host(socket) => netlink::read(&socket.lock()).unwrap_or_default(),
        }
    }
}
