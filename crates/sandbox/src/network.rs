//! Which network a container has, and which of the host's network namespaces its sandbox process is born in.

use std::{
    fs::File,
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
};

use lazaret_control::Failure;
use lazaret_kernel::net;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::spec;

/// What sockets of a container reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// Each other: there is only a loopback interface, which is the application kernel's own.
    None,
    /// What is on the links of the container's network namespace, by the application kernel's own TCP/IP.
    #[default]
    Sandbox,
    /// What the host reaches, by sockets of the host.
    Host,
}

impl Network {
    /// What the application kernel is given; called in the namespace that it is about.
    ///
    /// # Errors
    /// The host's.
    pub fn open(self) -> Result<net::Network, Failure> {
        match self {
            Network::None | Network::Sandbox => Ok(net::Network::default()),
            Network::Host => {
                net::Network::of_host().map_err(|error| Failure::host("look at the host's network", error))
            }
        }
    }
}

/// The path of the network namespace that a specification names. Without one it means a new one, and without an entry
/// that of whoever makes the container.
pub fn of_specification(namespaces: &[spec::Namespace]) -> Option<Option<&PathBuf>> {
    let entry = namespaces.iter().find(|namespace| namespace.kind == "network")?;
    Some(entry.path.as_ref().filter(|path| !path.as_os_str().is_empty()))
}

/// A network namespace of the host.
#[derive(Debug)]
pub enum Namespace {
    /// A new, empty one.
    New,
    /// That of the maker.
    Own,
    /// One that exists; see setns(2).
    Joined(OwnedFd),
}

impl Namespace {
    /// The one for a container. With the host's network it is what runc makes of the specification: the one that
    /// is named there, a new one if none is named, the maker's without an entry.
    ///
    /// # Errors
    /// That of opening the named one.
    pub fn of(network: Network, namespaces: &[spec::Namespace]) -> Result<Namespace, Failure> {
        // Of a network of its own the sandbox process gets the links, and nothing else.
        if network != Network::Host {
            return Ok(Namespace::New);
        }
        let Some(entry) = of_specification(namespaces) else { return Ok(Namespace::Own) };
        let Some(path) = entry else { return Ok(Namespace::New) };
        let file = File::open(path);
        let failed = |error| Failure::host(format!("open the network namespace {}", path.display()), error);
        file.map(|file| Namespace::Joined(file.into())).map_err(failed)
    }

    /// Brings this thread there, until the result is dropped. It must be the only one.
    ///
    /// # Errors
    /// Those of setns(2).
    pub fn enter(&self) -> Result<Option<Visit>, Failure> {
        let Namespace::Joined(namespace) = self else { return Ok(None) };
        let failed = |error: std::io::Error| Failure::host("enter the network namespace", error);
        let home: OwnedFd = File::open("/proc/thread-self/ns/net").map_err(failed)?.into();
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|errno| failed(errno.into()))?;
        Ok(Some(Visit { home }))
    }
}

/// Goes back to the network namespace of before when it is dropped.
#[derive(Debug)]
pub struct Visit {
    home: OwnedFd,
}

impl Drop for Visit {
    fn drop(&mut self) {
        // Who could leave may come back.
        let _ = move_into_link_name_space(self.home.as_fd(), Some(LinkNameSpaceType::Network));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specification_names_the_namespace() {
        let entry = |path: Option<&str>| spec::Namespace { kind: "network".into(), path: path.map(Into::into) };
        let of = |network, entries: &[spec::Namespace]| Namespace::of(network, entries).unwrap();
        assert!(matches!(of(Network::Host, &[]), Namespace::Own));
        assert!(matches!(of(Network::Host, &[entry(None)]), Namespace::New));
        assert!(matches!(of(Network::Host, &[entry(Some("/proc/self/ns/net"))]), Namespace::Joined(_)));
        for network in [Network::None, Network::Sandbox] {
            assert!(matches!(of(network, &[entry(Some("/proc/self/ns/net"))]), Namespace::New));
        }
        assert!(Namespace::of(Network::Host, &[entry(Some("/nowhere"))]).is_err());
    }
}
