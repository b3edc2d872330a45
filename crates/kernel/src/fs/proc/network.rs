//! `/proc/PID/net`: what there is of the network; see proc(5).

use std::{fmt::Write as _, net::IpAddr};

use lazaret_abi::{errno::Errno, socket::family};
use lazaret_hostcall::netlink::{Link, Tables};

use super::{
    process::Subject,
    sockets::{self, Datagrams},
};
use crate::{
    boot::Kernel,
    fs::{
        inode::Inode,
        pseudo::{PseudoDirectory, PseudoFile, StaticDirectory},
    },
    net::interface::mask,
    sync::Arc,
};

/// The directory.
pub fn directory(subject: &Subject) -> Arc<dyn Inode> {
    let fs = &subject.fs;
    let made = |make: fn(&Tables) -> String| {
        let kernel = subject.kernel.clone();
        PseudoFile::inode(fs, 0o444, move || {
            let kernel = kernel.upgrade().ok_or(Errno::ESRCH)?;
            Ok::<_, Errno>(make(&kernel.network.tables()).into_bytes())
        })
    };
    let of = |make: fn(&Kernel) -> String| {
        let kernel = subject.kernel.clone();
        PseudoFile::inode(fs, 0o444, move || Ok(make(&*kernel.upgrade().ok_or(Errno::ESRCH)?).into_bytes()))
    };
    let entries = StaticDirectory::new()
        .with("arp", of(neighbours))
        .with("dev", made(devices))
        .with("icmp", of(|kernel| sockets::datagrams(kernel, Datagrams::Icmp, family::INET)))
        .with("icmp6", of(|kernel| sockets::datagrams(kernel, Datagrams::Icmp, family::INET6)))
        .with("if_inet6", made(addresses6))
        .with("ipv6_route", made(routes6))
        .with("raw", of(|kernel| sockets::datagrams(kernel, Datagrams::Raw, family::INET)))
        .with("raw6", of(|kernel| sockets::datagrams(kernel, Datagrams::Raw, family::INET6)))
        .with("route", made(routes))
        .with("sockstat", of(|kernel| sockets::statistics(kernel, family::INET)))
        .with("sockstat6", of(|kernel| sockets::statistics(kernel, family::INET6)))
        .with("tcp", of(|kernel| sockets::tcp(kernel, family::INET)))
        .with("tcp6", of(|kernel| sockets::tcp(kernel, family::INET6)))
        .with("udp", of(|kernel| sockets::datagrams(kernel, Datagrams::Udp, family::INET)))
        .with("udp6", of(|kernel| sockets::datagrams(kernel, Datagrams::Udp, family::INET6)))
        .with("unix", of(sockets::unix));
    PseudoDirectory::with_attributes(fs, subject.attributes(0o555), entries)
}

fn neighbours(kernel: &Kernel) -> String {
    /// ATF_COM
    const COMPLETE: u32 = 2;
    let mut text = String::from("IP address       HW type     Flags       HW address            Mask     Device\n");
    let known = kernel.network.stack().map(|stack| stack.neighbours()).unwrap_or_default();
    let tables = kernel.network.tables();
    for (link, who, address) in known.into_iter().filter(|(_, who, _)| who.is_ipv4()) {
        let flags = if address.is_some() { COMPLETE } else { 0 };
        let address = address.map_or([0; 6], |address| address.0).map(|byte| format!("{byte:02x}")).join(":");
        let (who, device) = (who.to_string(), name(&tables, link));
        let _ = writeln!(text, "{who:<16} 0x{:<10x}0x{flags:<10x}{address:<17}     *        {device}", 1);
    }
    text
}

fn name(tables: &Tables, link: u32) -> String {
    let link = tables.links.iter().find(|other| other.index == link);
    link.map_or_else(|| "*".into(), |link| String::from_utf8_lossy(&link.name).into_owned())
}

fn devices(tables: &Tables) -> String {
    let mut text = String::from(
        "Inter-|   Receive                                                |  Transmit\n \
         face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n",
    );
    for Link { name, statistics, .. } in &tables.links {
        let [rx_packets, tx_packets, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_dropped, tx_dropped, multicast] =
            statistics;
        let name = String::from_utf8_lossy(name);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{name:>6}: {rx_bytes:>7} {rx_packets:>7} {rx_errors:>4} {rx_dropped:>4}    0     0          0 {multicast:>9} \
             {tx_bytes:>8} {tx_packets:>7} {tx_errors:>4} {tx_dropped:>4}    0     0       0          0"
        );
    }
    text
}

fn addresses6(tables: &Tables) -> String {
    let mut text = String::new();
    for entry in &tables.addresses {
        if let IpAddr::V6(address) = entry.address {
            // IPV6_ADDR_LOOPBACK, _LINKLOCAL, _SITELOCAL; none for the whole world.
            let scope = match entry.scope {
                254 => 0x10,
                253 => 0x20,
                200 => 0x40,
                _ => 0,
            };
            let (link, bits, flags) = (entry.link, entry.bits, entry.flags & 0xff);
            let name = name(tables, link);
            let _ =
                writeln!(text, "{:032x} {link:02x} {bits:02x} {scope:02x} {flags:02x} {name:>8}", address.to_bits());
        }
    }
    text
}

/// RT_TABLE_MAIN
const MAIN: u32 = 254;
/// RTF_UP, RTF_GATEWAY, RTF_HOST
const FLAGS: [u32; 3] = [1, 2, 4];
/// RTN_UNICAST
const UNICAST: u8 = 1;

fn routes(tables: &Tables) -> String {
    let heading = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT";
    let mut text = format!("{heading:<127}\n");
    let number = |address: Option<IpAddr>| match address {
        // As it lies in memory.
        Some(IpAddr::V4(address)) => u32::from_ne_bytes(address.octets()),
        _ => 0,
    };
    for route in tables.routes.iter().filter(|route| !route.is_ipv6 && route.table == MAIN && route.kind == UNICAST) {
        let flags =
            FLAGS[0] + if route.gateway.is_some() { FLAGS[1] } else { 0 } + if route.bits == 32 { FLAGS[2] } else { 0 };
        let line = format!(
            "{}\t{:08X}\t{:08X}\t{flags:04X}\t0\t0\t{}\t{:08X}\t0\t0\t0",
            name(tables, route.link),
            number(route.destination),
            number(route.gateway),
            route.metric,
            mask(route.bits).to_be(),
        );
        let _ = writeln!(text, "{line:<127}");
    }
    text
}

fn routes6(tables: &Tables) -> String {
    let mut text = String::new();
    let number = |address: Option<IpAddr>| match address {
        Some(IpAddr::V6(address)) => address.to_bits(),
        _ => 0,
    };
    for route in tables.routes.iter().filter(|route| route.is_ipv6 && route.kind == UNICAST) {
        let flags = FLAGS[0]
            + if route.gateway.is_some() { FLAGS[1] } else { 0 }
            + if route.bits == 128 { FLAGS[2] } else { 0 };
        let _ = writeln!(
            text,
            "{:032x} {:02x} {:032x} 00 {:032x} {:08x} 00000001 00000000 {flags:08x} {:>8}",
            number(route.destination),
            route.bits,
            0,
            number(route.gateway),
            route.metric,
            name(tables, route.link),
        );
    }
    text
}
