//! A link between a sandbox and the host, for a command that has no network made for it: a pair of interfaces, a
//! private network of four addresses, and rules that let it pass for the host elsewhere.
//!
//! The interfaces are gone with the sandbox. Rules are named after the interface, so that those of a sandbox whose
//! maker was killed are known, and removed by the next.

mod forwarding;

use std::{
    fs::File,
    io::Write,
    net::{IpAddr, Ipv4Addr},
    os::fd::{AsFd, OwnedFd},
    process::{Command, Stdio},
};

use lazaret_control::Failure;
use lazaret_hostcall::netlink::{self, LinkAddress, Route, Tables};
use rustix::{io::Errno, process::geteuid};

use crate::network::Namespace;

/// Networks are chosen from this one: 10.213.0.0/16.
const NETWORKS: u32 = 0x0ad5_0000;
/// How many there are of four addresses.
const COUNT: u32 = 1 << 14;
/// Bits of such a network.
const BITS: u8 = 30;
/// What interfaces on the host's side are called, before a number.
const PREFIX: &str = "lazaret";
/// What it is called in the sandbox.
const INSIDE: &str = "eth0";
/// RT_SCOPE_UNIVERSE, RT_TABLE_MAIN, RTPROT_BOOT, RTN_UNICAST
const EVERYWHERE: u8 = 0;
const MAIN: u32 = 254;
const BOOT: u8 = 3;
const UNICAST: u8 = 1;

/// A link to the host, for as long as the sandbox lives.
#[derive(Debug)]
pub struct Uplink {
    name: String,
    tool: Option<Tool>,
}

/// What rules are made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    Nft,
    Iptables,
}

impl Uplink {
    /// Makes one for the sandbox process `pid`, in its own network namespace. What is missing for the way beyond the
    /// host is told with `warn`.
    ///
    /// # Errors
    /// Those of the host, by step.
    pub fn new(pid: i32, warn: &dyn Fn(&str)) -> Result<Uplink, Failure> {
        if !geteuid().is_root() {
            return Err(Failure::new(
                "make a network for the sandbox",
                "only root can; without root there is --network host",
            ));
        }
        let socket = netlink::open().map_err(step("look at the host's network"))?;
        let tables = netlink::read(&socket).map_err(step("look at the host's network"))?;
        remove_leftovers(&tables);
        let path = format!("/proc/{pid}/ns/net");
        let namespace = File::open(&path).map_err(|error| Failure::host(format!("open {path}"), error))?;
        let (name, network) = make_pair(&socket, &tables, &namespace)?;
        // From here on there is something to remove.
        let mut uplink = Uplink { name, tool: None };
        let index = index_of(&socket, &uplink.name)?;
        configure(&socket, index, network + 1)?;
        enter_and_configure(namespace.into(), network)?;
        uplink.lead_on(network, &tables, warn);
        Ok(uplink)
    }

    /// Lets packets of the sandbox pass the host.
    fn lead_on(&mut self, network: u32, tables: &Tables, warn: &dyn Fn(&str)) {
        let source = format!("{}/{BITS}", Ipv4Addr::from_bits(network));
        let tool = [Tool::Nft, Tool::Iptables].into_iter().find(|tool| tool.add(&self.name, &source));
        if tool.is_none() {
            warn("neither nft nor iptables can make a rule here, so the sandbox reaches the host and nobody else");
        }
        self.tool = tool;
        if tool.is_some()
            && let Err(error) = forwarding::switch_on(&self.name, tables)
        {
            warn(&format!("the host passes no packets on, so the sandbox reaches the host and nobody else: {error}"));
        }
    }
}

impl Drop for Uplink {
    fn drop(&mut self) {
        if let Some(tool) = self.tool {
            tool.remove(&self.name);
        }
        let Ok(socket) = netlink::open() else { return };
        if self.tool.is_some()
            && let Ok(tables) = netlink::read(&socket)
        {
            // What could not be switched off stays noted for the next.
            let _ = forwarding::switch_off(&self.name, &tables);
        }
        // Usually it went with the sandbox.
        if let Ok(index) = index_of(&socket, &self.name) {
            let _ = netlink::remove_link(&socket, index);
        }
    }
}

fn step(name: &'static str) -> impl Fn(Errno) -> Failure {
    move |errno| Failure::host(name, errno)
}

/// Some address of a network of four is in use on this host, or reached by a route that is not for all.
fn is_taken(tables: &Tables, network: u32) -> bool {
    let overlaps = |address: IpAddr, bits: u8| {
        let shorter = u32::from(bits.min(BITS));
        let differs = |address: Ipv4Addr| (address.to_bits() ^ network).leading_zeros() < shorter;
        matches!(address, IpAddr::V4(address) if !differs(address))
    };
    tables.addresses.iter().any(|own| overlaps(own.address, own.bits))
        || tables.routes.iter().any(|route| {
            route.destination.is_some_and(|destination| route.bits > 0 && overlaps(destination, route.bits))
        })
}

/// Makes the interfaces. The number in the name stands for the network, so no two sandboxes choose the same.
fn make_pair(socket: &OwnedFd, tables: &Tables, namespace: &File) -> Result<(String, u32), Failure> {
    let first = rustix::process::getpid().as_raw_nonzero().get().unsigned_abs();
    for place in 0..COUNT {
        let number = first.wrapping_add(place) % COUNT;
        let network = NETWORKS + number * 4;
        if is_taken(tables, network) {
            continue;
        }
        let name = format!("{PREFIX}{number}");
        match netlink::make_pair(socket, &name, INSIDE, namespace.as_fd()) {
            Ok(()) => return Ok((name, network)),
            Err(Errno::EXIST) => {}
            Err(Errno::OPNOTSUPP) => {
                return Err(Failure::new("make a pair of interfaces", "the host has no interfaces of type veth"));
            }
            Err(errno) => return Err(Failure::host("make a pair of interfaces", errno)),
        }
    }
    Err(Failure::new("choose a network for the sandbox", "all of 10.213.0.0/16 is in use"))
}

fn index_of(socket: &OwnedFd, name: &str) -> Result<u32, Failure> {
    let tables = netlink::read(socket).map_err(step("look for the interface"))?;
    let link = tables.links.iter().find(|link| link.name == name.as_bytes());
    link.map(|link| link.index).ok_or_else(|| Failure::new(format!("look for the interface {name}"), "it is gone"))
}

fn configure(socket: &OwnedFd, link: u32, address: u32) -> Result<(), Failure> {
    let address = LinkAddress {
        link,
        address: Ipv4Addr::from_bits(address).into(),
        bits: BITS,
        flags: 0,
        scope: EVERYWHERE,
        broadcast: None,
    };
    netlink::add_address(socket, &address).map_err(step("give the interface an address"))?;
    netlink::set_up(socket, link).map_err(step("switch the interface on"))
}

fn enter_and_configure(namespace: OwnedFd, network: u32) -> Result<(), Failure> {
    let entered = Namespace::Joined(namespace).enter()?;
    let socket = netlink::open().map_err(step("change the sandbox's network"))?;
    drop(entered);
    let link = index_of(&socket, INSIDE)?;
    configure(&socket, link, network + 2)?;
    let route = Route {
        destination: None,
        is_ipv6: false,
        bits: 0,
        gateway: Some(Ipv4Addr::from_bits(network + 1).into()),
        source: None,
        link,
        metric: 0,
        table: MAIN,
        protocol: BOOT,
        scope: EVERYWHERE,
        kind: UNICAST,
    };
    netlink::add_route(&socket, &route).map_err(step("add the sandbox's route"))
}

/// Runs a program; what it prints, if it could do what it was told.
fn tell(program: &str, arguments: &[&str], input: &str) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that reads nothing says by its status what is wrong.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Arguments of iptables for each rule: the table, the chain, and what the rule is.
fn rules(name: &str, source: &str) -> Vec<Vec<String>> {
    let comment = ["-m", "comment", "--comment", name];
    let rule = |start: &[&str]| start.iter().chain(&comment).map(|&word| word.to_owned()).collect();
    vec![
        rule(&["nat", "POSTROUTING", "-s", source, "!", "-o", name, "-j", "MASQUERADE"]),
        rule(&["filter", "FORWARD", "-i", name, "-j", "ACCEPT"]),
        // Only answers come in.
        rule(&["filter", "FORWARD", "-o", name, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"]),
    ]
}

impl Tool {
    /// Adds the rules for an interface; whether it could.
    fn add(self, name: &str, source: &str) -> bool {
        match self {
            Tool::Nft => {
                let script = format!(
                    "table ip {name} {{ chain post {{ type nat hook postrouting priority 100; \
                     ip saddr {source} oifname != \"{name}\" masquerade; }} }}\n"
                );
                tell("nft", &["-f", "-"], &script).is_some()
            }
            Tool::Iptables => {
                let added = rules(name, source).iter().all(|rule| iptables("-I", rule));
                if !added {
                    self.remove(name);
                }
                added
            }
        }
    }

    /// Removes the rules for an interface.
    fn remove(self, name: &str) {
        match self {
            Tool::Nft => drop(tell("nft", &["delete", "table", "ip", name], "")),
            Tool::Iptables => {
                for (table, chain) in [("nat", "POSTROUTING"), ("filter", "FORWARD")] {
                    for rule in iptables_of(table, chain, name) {
                        let words: Vec<&str> = rule.iter().map(String::as_str).collect();
                        tell("iptables", &[&["-w", "-t", table, "-D"][..], &words].concat(), "");
                    }
                }
            }
        }
    }
}

fn iptables(action: &str, rule: &[String]) -> bool {
    let words: Vec<&str> = rule.iter().map(String::as_str).collect();
    let Some((table, rest)) = words.split_first() else { return false };
    tell("iptables", &[&["-w", "-t", table, action][..], rest].concat(), "").is_some()
}

/// The rules of a chain that are named after an interface, as arguments.
fn iptables_of(table: &str, chain: &str, name: &str) -> Vec<Vec<String>> {
    let all = tell("iptables", &["-w", "-t", table, "-S", chain], "").unwrap_or_default();
    all.lines()
        .filter_map(|line| line.strip_prefix("-A "))
        .map(|rule| rule.split(' ').map(|word| word.trim_matches('"').to_owned()).collect::<Vec<_>>())
        .filter(|rule| rule.windows(2).any(|pair| pair[0] == "--comment" && pair[1] == name))
        .collect()
}

/// A name of an interface of ours.
fn is_ours(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|number| number.parse::<u32>().is_ok())
}

/// Removes the rules for interfaces that are gone.
fn remove_leftovers(tables: &Tables) {
    let is_gone = |name: &str| is_ours(name) && !tables.links.iter().any(|link| link.name == name.as_bytes());
    let known = tell("nft", &["list", "tables", "ip"], "").unwrap_or_default();
    for name in known.lines().filter_map(|line| line.strip_prefix("table ip ")).filter(|name| is_gone(name)) {
        Tool::Nft.remove(name);
    }
    let known = tell("iptables", &["-w", "-t", "nat", "-S", "POSTROUTING"], "").unwrap_or_default();
    for name in known.split([' ', '"', '\n']).filter(|name| is_gone(name)) {
        Tool::Iptables.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_in_use_are_left_alone() {
        let own = |text: &str, bits| LinkAddress {
            link: 2,
            address: text.parse().unwrap(),
            bits,
            flags: 0,
            scope: 0,
            broadcast: None,
        };
        let taken = |text: &str, bits| {
            let tables = Tables { addresses: vec![own(text, bits)], ..Tables::default() };
            [NETWORKS, NETWORKS + 4].map(|network| is_taken(&tables, network))
        };
        assert_eq!(taken("10.213.0.2", 30), [true, false]);
        assert_eq!(taken("10.213.0.9", 29), [false, false]);
        assert_eq!(taken("10.213.0.1", 29), [true, true]);
        assert_eq!(taken("10.0.0.1", 8), [true, true]);
        assert_eq!(taken("10.213.0.5", 32), [false, true]);
        assert_eq!(taken("fd00::1", 64), [false, false]);
        assert!(is_ours("lazaret7") && !is_ours("lazaret") && !is_ours("lazaret7x") && !is_ours("eth0"));
    }
}
