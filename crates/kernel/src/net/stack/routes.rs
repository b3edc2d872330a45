//! Where packets go, and which address they come from.

use std::net::IpAddr;

use lazaret_hostcall::netlink::{LinkAddress, Tables};

/// RT_TABLE_MAIN
const MAIN: u32 = 254;
/// RTN_UNICAST
const UNICAST: u8 = 1;
/// IFA_F_DEPRECATED: not for new connections.
const DEPRECATED: u32 = 0x20;

/// The way to a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// Number of the interface.
    pub link: u32,
    /// Who passes the packet on there, or the destination itself.
    pub next: IpAddr,
    /// The address that it comes from, unless the sender has one.
    pub source: IpAddr,
}

/// The first so many bits of two addresses of one family are the same.
fn matches(one: IpAddr, two: IpAddr, bits: u8) -> bool {
    common(one, two) >= u32::from(bits)
}

/// How many bits two addresses have in common; none if they are of different families.
fn common(one: IpAddr, two: IpAddr) -> u32 {
    match (one, two) {
        (IpAddr::V4(one), IpAddr::V4(two)) => (one.to_bits() ^ two.to_bits()).leading_zeros(),
        (IpAddr::V6(one), IpAddr::V6(two)) => (one.to_bits() ^ two.to_bits()).leading_zeros(),
        _ => 0,
    }
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

/// The way to `destination`, over one link or any.
pub fn way(tables: &Tables, destination: IpAddr, link: Option<u32>) -> Option<Way> {
    let fits = |route: &&lazaret_hostcall::netlink::Route| {
        route.table == MAIN
            && route.kind == UNICAST
            && route.is_ipv6 == destination.is_ipv6()
            && link.is_none_or(|link| link == route.link)
            && tables.links.iter().any(|link| link.index == route.link)
            && route.destination.is_none_or(|network| matches(network, destination, route.bits))
    };
    let better = |route: &&lazaret_hostcall::netlink::Route| (route.bits, std::cmp::Reverse(route.metric));
    // The first of several that are as good.
    let route = tables.routes.iter().rev().filter(fits).max_by_key(better)?;
    let next = route.gateway.unwrap_or(destination);
    let source = match route.source {
        Some(source) => source,
        None => source(tables, route.link, next, destination)?,
    };
    Some(Way { link: route.link, next, source })
}

/// The address of a link from which `destination` is reached.
fn source(tables: &Tables, link: u32, next: IpAddr, destination: IpAddr) -> Option<IpAddr> {
    let own = tables.addresses.iter().rev().filter(|own| own.address.is_ipv4() == destination.is_ipv4());
    let quality = |own: &&LinkAddress| {
        (
            own.link == link,
            is_link_local(own.address) == is_link_local(destination),
            own.flags & DEPRECATED == 0,
            matches(own.address, next, own.bits),
            if destination.is_ipv6() { common(own.address, destination) } else { 0 },
        )
    };
    own.max_by_key(quality).map(|own| own.address)
}

/// The network of one of the links whose address for all hosts this is.
pub fn broadcast(tables: &Tables, address: IpAddr) -> Option<&LinkAddress> {
    tables.addresses.iter().find(|own| own.broadcast == Some(address))
}

#[cfg(test)]
mod tests {
    use lazaret_hostcall::netlink::{Link, Route};

    use super::*;

    fn address(link: u32, text: &str, bits: u8) -> LinkAddress {
        LinkAddress { link, address: text.parse().unwrap(), bits, flags: 0, scope: 0, broadcast: None }
    }

    fn route(link: u32, destination: Option<(&str, u8)>, gateway: Option<&str>, metric: u32) -> Route {
        let is_ipv6 = destination.map(|(text, _)| text).or(gateway).unwrap().contains(':');
        Route {
            destination: destination.map(|(text, _)| text.parse().unwrap()),
            is_ipv6,
            bits: destination.map_or(0, |(_, bits)| bits),
            gateway: gateway.map(|text| text.parse().unwrap()),
            source: None,
            link,
            metric,
            table: MAIN,
            protocol: 2,
            scope: 0,
            kind: UNICAST,
        }
    }

    #[test]
    fn the_longest_match_wins() {
        let links = [2, 3].map(|index| Link { index, ..Link::default() }).to_vec();
        let addresses = vec![
            address(2, "10.0.0.2", 24),
            address(3, "10.1.0.2", 24),
            address(2, "10.5.0.2", 24),
            address(2, "fe80::2", 64),
            address(2, "fd00::2", 64),
        ];
        let routes = vec![
            route(2, Some(("10.0.0.0", 24)), None, 0),
            route(2, None, Some("10.0.0.1"), 100),
            route(3, None, Some("10.1.0.1"), 50),
            route(2, Some(("10.5.0.0", 24)), None, 0),
            route(2, Some(("fe80::", 64)), None, 256),
            route(2, None, Some("fe80::1"), 1024),
            route(9, Some(("10.9.0.0", 16)), None, 0),
        ];
        let tables = Tables { links, addresses, routes };
        let expect = |to: &str, link, next: &str, source: &str| {
            let expected = Way { link, next: next.parse().unwrap(), source: source.parse().unwrap() };
            assert_eq!(way(&tables, to.parse().unwrap(), None), Some(expected), "{to}");
        };
        expect("10.0.0.7", 2, "10.0.0.7", "10.0.0.2");
        expect("10.5.0.7", 2, "10.5.0.7", "10.5.0.2");
        expect("9.9.9.9", 3, "10.1.0.1", "10.1.0.2");
        expect("10.9.9.9", 3, "10.1.0.1", "10.1.0.2");
        expect("fe80::7", 2, "fe80::7", "fe80::2");
        expect("2001:db8::1", 2, "fe80::1", "fd00::2");
        let other = way(&tables, "9.9.9.9".parse().unwrap(), Some(2)).unwrap();
        assert_eq!(other.next, "10.0.0.1".parse::<IpAddr>().unwrap());
        assert_eq!(way(&Tables::default(), "9.9.9.9".parse().unwrap(), None), None);
    }
}
