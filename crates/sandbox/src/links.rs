//! The links of a sandbox with a network of its own: interfaces of a network namespace of the host.
//!
//! They are handed over when the container starts, for not all who make containers have made its network before.
//! The host's own stack gives up their addresses, or both would answer; it gets them back when the sandbox is gone,
//! as far as the namespace is still there.

use std::{
    fs::File,
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
};

use lazaret_control::Failure;
use lazaret_hostcall::{
    netlink::{self, Link, Tables},
    packet,
};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::{
    network::{Namespace, Network, of_specification},
    spec,
};

/// ARPHRD_ETHER
const ETHERNET: u16 = 1;
/// IFF_UP
const UP: u32 = 1;
/// IFA_F_TENTATIVE
const TENTATIVE: u32 = 0x40;
/// RT_TABLE_MAIN
const MAIN: u32 = 254;
/// RTPROT_KERNEL: routes that come and go with addresses.
const OF_ADDRESSES: u8 = 2;
/// Most interfaces that a sandbox gets.
const MOST: usize = 64;

/// Which links a sandbox gets, or has got.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Links {
    /// The network namespace that they are in: without one that of the sandbox process.
    namespace: Option<PathBuf>,
    /// One was made by the caller.
    #[serde(default)]
    pub are_made: bool,
    /// What the host has given up.
    #[serde(default)]
    taken: Option<Tables>,
    /// Device and inode of the namespace that it was found in.
    #[serde(default)]
    identity: Option<(u64, u64)>,
}

/// What was found in a namespace.
pub enum Found {
    /// Links to hand over.
    Links(Given),
    /// Links that have no addresses.
    Bare,
    /// Nothing.
    Nothing,
}

/// What is handed over.
pub struct Given {
    /// Interfaces, addresses and routes.
    pub tables: Tables,
    /// A socket for each interface.
    pub sockets: Vec<OwnedFd>,
}

impl Links {
    /// Those that a specification means; none if the sandbox has no network of its own.
    ///
    /// # Errors
    /// The specification has the container share the network of whoever makes it.
    pub fn plan(network: Network, namespaces: &[spec::Namespace]) -> Result<Option<Links>, Failure> {
        if network != Network::Sandbox {
            return Ok(None);
        }
        let Some(namespace) = of_specification(namespaces) else {
            return Err(Failure::new(
                "linux.namespaces",
                "has no network namespace: the container would share the host's network, for which there is \
                 --network host; --network sandbox needs a namespace of its own",
            ));
        };
        Ok(Some(Links { namespace: namespace.cloned(), ..Links::default() }))
    }

    /// Somebody else may have put links there: for a namespace of its own that takes a hook, or time.
    pub fn are_expected(&self, has_time: bool) -> bool {
        self.namespace.is_some() || self.are_made || has_time
    }

    /// The links of a namespace are those that another sandbox has got.
    pub fn are_of(&self, other: &Links) -> bool {
        other.taken.is_some() && self.identity.is_some() && self.identity == other.identity
    }

    /// The network namespace, in words.
    pub fn place(&self) -> String {
        self.namespace.as_ref().map_or("of its own".into(), |path| path.display().to_string())
    }

    /// Looks for links in the namespace, that of the process `pid` if none is named, and notes them.
    ///
    /// # Errors
    /// That of entering the namespace, or of opening a link.
    pub fn find(&mut self, pid: i32) -> Result<Found, Failure> {
        let path = self.path(pid);
        let namespace = match File::open(&path) {
            // An ordinary user's, where nobody else can have put anything.
            Err(error) if self.namespace.is_none() && error.kind() == std::io::ErrorKind::PermissionDenied => {
                return Ok(Found::Nothing);
            }
            _ => open(&path)?,
        };
        if is_own(&namespace) {
            return Err(Failure::new(
                format!("use the network namespace {}", path.display()),
                "it is that of this command, which would lose its addresses; --network host is for that",
            ));
        }
        self.identity = namespace.metadata().map(|meta| (meta.dev(), meta.ino())).ok();
        let entered = match Namespace::Joined(namespace.into()).enter() {
            Err(failure) if self.namespace.is_none() && failure.errno == Some(Errno::PERM.raw_os_error()) => {
                return Ok(Found::Nothing);
            }
            entered => entered?,
        };
        let step = "look at the container's network";
        let route = netlink::open().map_err(|errno| Failure::host(step, errno))?;
        let tables = netlink::read(&route).map_err(|errno| Failure::host(step, errno))?;
        let has_links = tables.links.iter().any(is_wire);
        let given = given(tables)?;
        drop(entered);
        self.taken = given.as_ref().map(|given| given.tables.clone());
        Ok(match given {
            Some(given) => Found::Links(given),
            None if has_links => Found::Bare,
            None => Found::Nothing,
        })
    }

    /// Has the host give up the addresses of the links that were found.
    ///
    /// # Errors
    /// Those of the host.
    pub fn take(&self, pid: i32) -> Result<(), Failure> {
        let Some(taken) = &self.taken else { return Ok(()) };
        self.change(pid, |socket| {
            for address in &taken.addresses {
                match netlink::remove_address(socket, address) {
                    // It went with another one.
                    Ok(()) | Err(Errno::ADDRNOTAVAIL) => {}
                    Err(errno) => {
                        return Err(Failure::host(
                            format!("take the address {} from the host", address.address),
                            errno,
                        ));
                    }
                }
            }
            Ok(())
        })
    }

    /// Gives the addresses back to the host. A namespace that is gone, or has changed, stays as it is.
    pub fn give_back(&self, pid: i32) {
        let Some(taken) = &self.taken else { return };
        // One of the sandbox process' own is gone with it.
        if self.namespace.is_none() {
            return;
        }
        let given_back = self.change(pid, |socket| {
            for address in &taken.addresses {
                let _ = netlink::add_address(socket, address);
            }
            // Gateways are reached by the other routes.
            let mut routes: Vec<_> = taken.routes.iter().filter(|route| route.protocol != OF_ADDRESSES).collect();
            routes.sort_by_key(|route| route.gateway.is_some());
            for route in routes {
                let _ = netlink::add_route(socket, route);
            }
            Ok(())
        });
        drop(given_back);
    }

    fn path(&self, pid: i32) -> PathBuf {
        self.namespace.clone().unwrap_or_else(|| format!("/proc/{pid}/ns/net").into())
    }

    fn change(&self, pid: i32, change: impl FnOnce(&OwnedFd) -> Result<(), Failure>) -> Result<(), Failure> {
        let namespace = open(&self.path(pid))?;
        if is_own(&namespace) {
            return Ok(());
        }
        let entered = Namespace::Joined(namespace.into()).enter()?;
        let socket = netlink::open().map_err(|errno| Failure::host("change the container's network", errno))?;
        drop(entered);
        change(&socket)
    }
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| Failure::host(format!("open the network namespace {}", path.display()), error))
}

/// A namespace is the one that this process is in.
fn is_own(namespace: &File) -> bool {
    let identity = |meta: std::fs::Metadata| (meta.dev(), meta.ino());
    let own = std::fs::metadata("/proc/self/ns/net").map(identity);
    own.is_ok_and(|own| namespace.metadata().map(identity).is_ok_and(|other| own == other))
}

fn is_wire(link: &Link) -> bool {
    link.hardware == ETHERNET && link.flags & UP != 0
}

/// Opens the interfaces that have an address. The others may be anything.
fn given(mut tables: Tables) -> Result<Option<Given>, Failure> {
    let Tables { links, addresses, routes } = &mut tables;
    let usable = |link: &Link| is_wire(link) && addresses.iter().any(|own| own.link == link.index);
    links.retain(usable);
    links.truncate(MOST);
    addresses.retain(|own| links.iter().any(|link| link.index == own.link));
    // The host was still looking for others with the same address, and has to leave that.
    addresses.iter_mut().for_each(|own| own.flags &= !TENTATIVE);
    routes.retain(|route| route.table == MAIN && links.iter().any(|link| link.index == route.link));
    let open = |link: &Link| {
        let name = String::from_utf8_lossy(&link.name);
        packet::open(link.index).map_err(|errno| Failure::host(format!("open the interface {name}"), errno))
    };
    let sockets = links.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    Ok((!sockets.is_empty()).then_some(Given { tables, sockets }))
}
