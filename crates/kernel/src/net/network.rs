//! Where the sockets of AF_INET and AF_INET6 reach to.

use std::os::fd::OwnedFd;

use lazaret_abi::errno::Errno;
use lazaret_hostcall::netlink::{self, Tables};

use super::{interface, stack::Stack};
use crate::sync::{Arc, Mutex, OnceLock};

/// The network of a sandbox.
pub enum Network {
    /// The loopback interface of this kernel, and its own stack on the links that it was given, if any.
    Own(OnceLock<Arc<Stack>>),
    /// That of the host: sockets are the host's. The descriptor is of NETLINK_ROUTE, to tell of its interfaces.
    Host(Mutex<OwnedFd>),
}

impl Default for Network {
    fn default() -> Network {
        Network::Own(OnceLock::new())
    }
}

impl Network {
    /// The network namespace that this thread is in.
    ///
    /// # Errors
    /// Those of making a netlink socket.
    pub fn of_host() -> std::io::Result<Network> {
        Ok(Network::Host(Mutex::new(netlink::open()?)))
    }

    /// Gives it links: see [`Stack::new`].
    ///
    /// # Errors
    /// `EBUSY` if it has some already, or is the host's; else those of [`Stack::new`].
    pub fn attach(&self, tables: Tables, sockets: Vec<(u32, OwnedFd)>) -> Result<(), Errno> {
        let Network::Own(links) = self else { return Err(Errno::EBUSY) };
        if links.get().is_some() {
            return Err(Errno::EBUSY);
        }
        let failed = |error: std::io::Error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
        let stack = Stack::new(tables, sockets).map_err(failed)?;
        links.set(stack).map_err(|_| Errno::EBUSY)
    }

    /// The stack on its links.
    pub fn stack(&self) -> Option<&Arc<Stack>> {
        match self {
            Network::Own(links) => links.get(),
            Network::Host(_) => None,
        }
    }

    /// Interfaces, addresses and routes.
    pub fn tables(&self) -> Tables {
        match self {
            Network::Own(links) => {
                let mut tables = interface::loopback();
                if let Some(stack) = links.get() {
                    let more = stack.tables();
                    tables.links.extend(more.links);
                    tables.addresses.extend(more.addresses);
                    tables.routes.extend(more.routes);
                }
                tables
            }
            // A host that does not tell: then nothing is shown.
            Network::Host(socket) => netlink::read(&socket.lock()).unwrap_or_default(),
        }
    }
}
