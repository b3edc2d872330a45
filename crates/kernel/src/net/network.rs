//! Where the sockets of AF_INET and AF_INET6 reach to.

use std::os::fd::OwnedFd;

use lazaret_abi::errno::Errno;
use lazaret_hostcall::netlink::{self, Tables};

use super::{interface, stack::Stack};
use crate::sync::{Arc, Mutex, OnceLock};

/// The network of a sandbox.
#[derive(Default)]
pub struct Network {
    reach: Reach,
    /// Parameters that a specification may set.
    pub settings: Mutex<Settings>,
}

/// How far it reaches.
enum Reach {
    /// The loopback interface of this kernel, and its own stack on the links that it was given, if any.
    Own(OnceLock<Arc<Stack>>),
    /// That of the host: sockets are the host's. The descriptor is of NETLINK_ROUTE, to tell of its interfaces.
    Host(Mutex<OwnedFd>),
}

impl Default for Reach {
    fn default() -> Reach {
        Reach::Own(OnceLock::new())
    }
}

/// Parameters in `/proc/sys/net/ipv4`; with the host's network they are only shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Groups that may make sockets of ICMP: from the first to the last (`ping_group_range`).
    pub ping_groups: (u32, u32),
    /// The first port that everybody may bind (`ip_unprivileged_port_start`).
    pub first_unprivileged: u16,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { ping_groups: (1, 0), first_unprivileged: 1024 }
    }
}

impl Settings {
    /// Sets a parameter of this list by its name (`net.ipv4.ping_group_range`); false for others.
    ///
    /// # Errors
    /// `EINVAL` for a value that it cannot have.
    pub fn set(&mut self, name: &str, value: &str) -> Result<bool, Errno> {
        match name {
            "net.ipv4.ping_group_range" => {
                /// Largest that Linux takes.
                const LAST: u32 = i32::MAX.cast_unsigned();
                let numbers: Result<Vec<u32>, _> = value.split_whitespace().map(str::parse).collect();
                let Ok([first, last]) = numbers.as_deref() else { return Err(Errno::EINVAL) };
                let (first, last) = (*first, *last);
                if first > LAST || last > LAST {
                    return Err(Errno::EINVAL);
                }
                // As Linux has it, a range that ends before it begins is nobody's.
                self.ping_groups = if last < first { (1, 0) } else { (first, last) };
            }
            "net.ipv4.ip_unprivileged_port_start" => {
                self.first_unprivileged = value.trim().parse().map_err(|_| Errno::EINVAL)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Network {
    /// The network namespace that this thread is in.
    ///
    /// # Errors
    /// Those of making a netlink socket.
    pub fn of_host() -> std::io::Result<Network> {
        Ok(Network { reach: Reach::Host(Mutex::new(netlink::open()?)), settings: Mutex::default() })
    }

    /// Sockets are the host's.
    pub fn is_host(&self) -> bool {
        matches!(self.reach, Reach::Host(_))
    }

    /// Gives it links: see [`Stack::new`].
    ///
    /// # Errors
    /// `EBUSY` if it has some already, or is the host's; else those of [`Stack::new`].
    pub fn attach(&self, tables: Tables, sockets: Vec<(u32, OwnedFd)>) -> Result<(), Errno> {
        let Reach::Own(links) = &self.reach else { return Err(Errno::EBUSY) };
        if links.get().is_some() {
            return Err(Errno::EBUSY);
        }
        let failed = |error: std::io::Error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
        let stack = Stack::new(tables, sockets).map_err(failed)?;
        links.set(stack).map_err(|_| Errno::EBUSY)
    }

    /// The stack on its links.
    pub fn stack(&self) -> Option<&Arc<Stack>> {
        match &self.reach {
            Reach::Own(links) => links.get(),
            Reach::Host(_) => None,
        }
    }

    /// Interfaces, addresses and routes.
    pub fn tables(&self) -> Tables {
        match &self.reach {
            Reach::Own(links) => {
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
            Reach::Host(socket) => netlink::read(&socket.lock()).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_checked() {
        let mut settings = Settings::default();
        assert_eq!(settings.set("net.ipv4.ping_group_range", "0 2147483647"), Ok(true));
        assert_eq!(settings.ping_groups, (0, 2_147_483_647));
        for wrong in ["", "1", "1 2 3", "a b", "0 4294967295", "-1 5"] {
            assert_eq!(settings.set("net.ipv4.ping_group_range", wrong), Err(Errno::EINVAL), "{wrong}");
        }
        assert_eq!(settings.set("net.ipv4.ping_group_range", "5 4"), Ok(true));
        assert_eq!(settings.ping_groups, (1, 0));
        assert_eq!(settings.set("net.ipv4.ip_unprivileged_port_start", "0"), Ok(true));
        assert_eq!(settings.set("net.ipv4.ip_unprivileged_port_start", "65536"), Err(Errno::EINVAL));
        assert_eq!(settings.set("kernel.msgmax", "1"), Ok(false));
    }
}
