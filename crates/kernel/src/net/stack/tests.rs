//! Two stacks on one wire, which may lose and mangle what goes over it.

use std::{
    net::{IpAddr, SocketAddr},
    os::fd::OwnedFd,
    thread,
    time::Duration,
};

use lazaret_abi::{
    errno::Errno,
    socket::{family, kind},
};
use lazaret_hostcall::netlink::{Link, LinkAddress, Route, Tables};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, socketpair};

use crate::{
    net::{Address, Network, Outgoing, Patience, Socket, inet},
    sync::Arc,
    task::creds::Creds,
    uio::BufferSink,
    wait::Events,
};

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }
}

fn tables(number: u8) -> Tables {
    let link = Link {
        index: 2,
        name: b"eth0".to_vec(),
        hardware: 1,
        flags: 1,
        mtu: 1500,
        address: vec![2, 0, 0, 0, 0, number],
        ..Link::default()
    };
    let address = |text: String, bits, broadcast: Option<&str>| LinkAddress {
        link: 2,
        address: text.parse().unwrap(),
        bits,
        flags: 0,
        scope: 0,
        broadcast: broadcast.map(|text| text.parse().unwrap()),
    };
    let route = |text: &str, bits| Route {
        destination: Some(text.parse().unwrap()),
        is_ipv6: text.contains(':'),
        bits,
        gateway: None,
        source: None,
        link: 2,
        metric: 0,
        table: 254,
        protocol: 2,
        scope: 0,
        kind: 1,
    };
    let addresses =
        vec![address(format!("10.0.0.{number}"), 24, Some("10.0.0.255")), address(format!("fd00::{number}"), 64, None)];
    Tables { links: vec![link], addresses, routes: vec![route("10.0.0.0", 24), route("fd00::", 64)] }
}

fn network(number: u8) -> (Arc<Network>, OwnedFd) {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (ours, wire) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
    let network = Arc::new(Network::default());
    network.attach(tables(number), vec![(2, ours)]).unwrap();
    assert_eq!(network.attach(tables(number), Vec::new()), Err(Errno::EBUSY));
    (network, wire)
}

/// A wire between two stacks: what comes of each frame.
fn wired(mut mangle: impl FnMut(Vec<u8>) -> Vec<Vec<u8>> + Send + 'static) -> (Arc<Network>, Arc<Network>) {
    let ((one, left), (two, right)) = (network(1), network(2));
    thread::spawn(move || {
        let mut buffer = vec![0; 70_000];
        loop {
            let mut fds = [&left, &right].map(|fd| rustix::event::PollFd::new(fd, rustix::event::PollFlags::IN));
            rustix::event::poll(&mut fds, None).unwrap();
            for (from, to) in [(&left, &right), (&right, &left)] {
                while let Ok((_, length)) = rustix::net::recv(from, &mut buffer[..], RecvFlags::DONTWAIT) {
                    for frame in mangle(buffer[..length].to_vec()) {
                        // A full wire loses frames, too.
                        let _ = rustix::net::send(to, &frame, SendFlags::DONTWAIT);
                    }
                }
            }
        }
    });
    (one, two)
}

fn plain() -> (Arc<Network>, Arc<Network>) {
    wired(|frame| vec![frame])
}

fn socket(network: &Arc<Network>, domain: u32, kind: u32) -> Arc<dyn Socket> {
    inet::create_own(network, &Creds::root(), domain, kind, 0).unwrap()
}

fn stream(network: &Arc<Network>) -> Arc<dyn Socket> {
    socket(network, family::INET, kind::STREAM)
}

fn address(text: &str) -> Address {
    Address::Inet(text.parse().unwrap())
}

fn port(socket: &dyn Socket) -> u16 {
    match socket.local_address() {
        Address::Inet(address) => address.port(),
        other => panic!("{other:?}"),
    }
}

/// A socket that listens, and where.
fn listener(network: &Arc<Network>, at: &str) -> (Arc<dyn Socket>, Address) {
    let at: SocketAddr = at.parse().unwrap();
    let listener = socket(network, if at.is_ipv4() { family::INET } else { family::INET6 }, kind::STREAM);
    listener.bind(&Address::Inet(at)).unwrap();
    listener.listen(8).unwrap();
    let to = SocketAddr::new(at.ip(), port(&*listener));
    (listener, Address::Inet(to))
}

fn connected(networks: &(Arc<Network>, Arc<Network>), at: &str) -> (Arc<dyn Socket>, Arc<dyn Socket>) {
    let (listener, to) = listener(&networks.1, at);
    let Address::Inet(to) = to else { panic!() };
    let client = socket(&networks.0, if to.is_ipv4() { family::INET } else { family::INET6 }, kind::STREAM);
    client.connect(&Address::Inet(to), Patience::ENDLESS).unwrap();
    let server = listener.accept(Patience::ENDLESS).unwrap();
    assert_eq!(server.peer_address(), Ok(client.local_address()));
    (client, server)
}

fn send(socket: &dyn Socket, mut data: &[u8], to: Option<Address>) -> Result<usize, Errno> {
    socket.send(&mut data, Outgoing { to, ..Outgoing::default() }, Patience::ENDLESS)
}

fn receive(socket: &dyn Socket, limit: usize, patience: Patience) -> Result<Vec<u8>, Errno> {
    let mut sink = BufferSink::new(limit);
    socket.receive(&mut sink, 0, patience)?;
    Ok(sink.data)
}

fn receive_all(socket: &dyn Socket) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        match receive(socket, 30_000, Patience::ENDLESS).unwrap() {
            data if data.is_empty() => return all,
            data => all.extend(data),
        }
    }
}

/// Sends much one way, the same comes back, and both ends close.
fn there_and_back(networks: &(Arc<Network>, Arc<Network>), at: &str, length: usize) {
    let (client, server) = connected(networks, at);
    let data: Vec<u8> = (0..length).map(|number| (number % 251) as u8).collect();
    let echo = thread::spawn(move || {
        let all = receive_all(&*server);
        send(&*server, &all, None).unwrap();
    });
    send(&*client, &data, None).unwrap();
    client.shutdown(false, true).unwrap();
    assert_eq!(send(&*client, b"more", None), Err(Errno::EPIPE));
    let back = receive_all(&*client);
    let common = back.iter().zip(&data).take_while(|(one, other)| one == other).count();
    assert_eq!((common, back.len()), (length, length), "bytes as they were, and all");
    echo.join().unwrap();
}

#[test]
fn bytes_go_there_and_back() {
    let networks = plain();
    for at in ["10.0.0.2:0", "[fd00::2]:0"] {
        there_and_back(&networks, at, 2_000_000);
    }
}

#[test]
fn a_bad_wire_loses_time_and_no_bytes() {
    let mut numbers = Numbers(88_172_645_463_325_252);
    let mut kept: Option<Vec<u8>> = None;
    let networks = wired(move |mut frame| match numbers.below(24) {
        0 => Vec::new(),
        1 => vec![frame.clone(), frame],
        2 => {
            // It comes after the next one.
            kept.replace(frame).into_iter().collect()
        }
        3 => {
            // Its checksum says that it is damaged, if it has one.
            let place = numbers.below(frame.len());
            frame[place] ^= 0x10;
            frame[0] = 0;
            vec![frame]
        }
        _ => [Some(frame), kept.take()].into_iter().flatten().collect(),
    });
    there_and_back(&networks, "10.0.0.2:0", 60_000);
}

#[test]
fn errors_are_told() {
    let networks = plain();
    let client = stream(&networks.0);
    assert_eq!(client.connect(&address("10.0.0.2:1"), Patience::ENDLESS), Err(Errno::ECONNREFUSED));
    assert_eq!(client.connect(&address("10.1.0.2:1"), Patience::ENDLESS), Err(Errno::ENETUNREACH));
    assert_eq!(client.connect(&address("10.0.0.9:1"), Patience::ENDLESS), Err(Errno::EHOSTUNREACH));
    let (client, server) = connected(&networks, "10.0.0.2:0");
    send(&*client, b"unread", None).unwrap();
    assert_eq!(receive(&*server, 2, Patience::ENDLESS).unwrap(), b"un");
    drop(server);
    assert_eq!(receive(&*client, 9, Patience::ENDLESS), Err(Errno::ECONNRESET));
    assert_eq!(receive(&*client, 9, Patience::ENDLESS), Ok(Vec::new()));
    assert_eq!(send(&*client, b"more", None), Err(Errno::EPIPE));
    let all = Events::READABLE | Events::WRITABLE | Events::RDHUP | Events::HUP;
    assert_eq!(client.poll(None), all);
}

#[test]
fn a_socket_that_listens_hears_both_sides() {
    let networks = plain();
    let (listener, at) = listener(&networks.1, "0.0.0.0:0");
    let Address::Inet(at) = at else { panic!() };
    let at = |ip: &str| Address::Inet(SocketAddr::new(ip.parse::<IpAddr>().unwrap(), at.port()));
    let outside = stream(&networks.0);
    outside.connect(&at("10.0.0.2"), Patience::ENDLESS).unwrap();
    let inside = stream(&networks.1);
    assert_eq!(inside.connect(&at("127.0.0.1"), Patience::NONE), Err(Errno::EINPROGRESS));
    let own = stream(&networks.1);
    assert_eq!(own.connect(&at("10.0.0.2"), Patience::NONE), Err(Errno::EINPROGRESS));
    let mut peers = [(); 3].map(|()| listener.accept(Patience::ENDLESS).unwrap().peer_address().unwrap().to_bytes());
    let mut expected = [outside, inside, own].map(|socket| socket.local_address().to_bytes());
    peers.sort();
    expected.sort();
    assert_eq!(peers, expected);
}

#[test]
fn who_closes_first_waits_for_late_packets() {
    let networks = plain();
    let (client, server) = connected(&networks, "10.0.0.2:0");
    let local = client.local_address();
    drop(client);
    assert_eq!(receive(&*server, 9, Patience::ENDLESS), Ok(Vec::new()));
    drop(server);
    let stack = networks.0.stack().unwrap();
    let Address::Inet(local) = local else { panic!() };
    while !stack.tcp.retired().iter().any(|ends| ends.0 == local) {
        thread::sleep(Duration::from_millis(1));
    }
    assert!(stack.tcp.all().is_empty());
}

#[test]
fn datagrams_of_any_size() {
    let networks = plain();
    for at in ["10.0.0.2:0", "[fd00::2]:0"] {
        let at: SocketAddr = at.parse().unwrap();
        let domain = if at.is_ipv4() { family::INET } else { family::INET6 };
        let server = socket(&networks.1, domain, kind::DGRAM);
        server.bind(&Address::Inet(at)).unwrap();
        let client = socket(&networks.0, domain, kind::DGRAM);
        client.connect(&server.local_address(), Patience::NONE).unwrap();
        for length in [0, 1, 1472, 1473, 20_000, 65_000] {
            let data = vec![length as u8; length];
            assert_eq!(send(&*client, &data, None), Ok(length));
            let mut sink = BufferSink::new(70_000);
            let incoming = server.receive(&mut sink, 0, Patience::ENDLESS).unwrap();
            assert!(sink.data == data, "{length}");
            assert_eq!(incoming.from, Some(client.local_address()));
        }
        drop(server);
        send(&*client, b"lost", None).unwrap();
        assert_eq!(receive(&*client, 9, Patience::ENDLESS), Err(Errno::ECONNREFUSED));
    }
    let all = socket(&networks.0, family::INET, kind::DGRAM);
    assert_eq!(send(&*all, b"x", Some(address("10.0.0.255:9"))), Err(Errno::EACCES));
}

/// A frame that has a place in the formats that are understood, with bytes of chance.
fn hostile(numbers: &mut Numbers) -> Vec<u8> {
    let mut frame: Vec<u8> = (0..24 + numbers.below(200)).map(|_| numbers.next() as u8).collect();
    frame[0] = (numbers.below(3)) as u8;
    frame[10..16].copy_from_slice(&[2, 0, 0, 0, 0, 2]);
    let kinds: [&[u8]; 3] = [&[8, 0, 0x45], &[0x86, 0xdd, 0x60], &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1]];
    let kind = kinds[numbers.below(3)];
    let end = (22 + kind.len()).min(frame.len());
    frame[22..end].copy_from_slice(&kind[..end - 22]);
    let rest = frame.len() - 24;
    let mut put = |at: usize, bytes: &[u8]| {
        if let Some(place) = frame.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    };
    let protocols = [1, 6, 17, 58, 44, 0, 43, 60];
    let protocol = protocols[numbers.below(protocols.len())];
    if kind[0] == 8 && kind[1] == 0 {
        put(26, &u16::try_from(rest).unwrap().to_be_bytes());
        put(33, &[protocol]);
        put(36, &[10, 0, 0, 1, 10, 0, 0, 2]);
        if let Some(header) = frame.get(24..44) {
            let mut header = header.to_vec();
            header[10..12].fill(0);
            let sum = !smoltcp::wire::checksum::data(&header);
            frame[34..36].copy_from_slice(&sum.to_be_bytes());
        }
    } else if kind[0] == 0x86 {
        put(28, &u16::try_from(rest.saturating_sub(40)).unwrap().to_be_bytes());
        put(30, &[protocol, 255]);
        put(32, &"fd00::1".parse::<std::net::Ipv6Addr>().unwrap().octets());
        put(48, &"fd00::2".parse::<std::net::Ipv6Addr>().unwrap().octets());
    }
    frame
}

#[test]
fn hostile_packets_do_no_harm() {
    let (network, wire) = network(2);
    let (listener, _) = listener(&network, "0.0.0.0:0");
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for _ in 0..50_000 {
        let frame = hostile(&mut numbers);
        while rustix::net::send(&wire, &frame, SendFlags::DONTWAIT) == Err(rustix::io::Errno::AGAIN) {
            let mut buffer = [0; 100];
            while rustix::net::recv(&wire, &mut buffer[..], RecvFlags::DONTWAIT).is_ok() {}
            thread::yield_now();
        }
    }
    // The thread that takes them still lives, and has taken all.
    let stack = network.stack().unwrap();
    let taken = || stack.tables().links[0].statistics[0];
    while taken() < 50_000 {
        thread::sleep(Duration::from_millis(1));
        let mut buffer = [0; 100];
        while rustix::net::recv(&wire, &mut buffer[..], RecvFlags::DONTWAIT).is_ok() {}
    }
    assert_eq!(listener.accept(Patience::NONE).err(), Some(Errno::EAGAIN));
}

/// Packets of a connection, with single bytes changed: the checksum is said to be right.
#[test]
fn mangled_packets_do_no_harm() {
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    let networks = wired(move |frame| {
        let mut frames = vec![frame.clone()];
        for _ in 0..20 {
            let mut other = frame.clone();
            for _ in 0..=numbers.below(3) {
                // Behind the addresses.
                let place = 24 + 20 + numbers.below(other.len() - 44);
                other[place] = numbers.next() as u8;
            }
            frames.push(other);
        }
        frames
    });
    let (listener, to) = listener(&networks.1, "10.0.0.2:0");
    for _ in 0..20 {
        let client = stream(&networks.0);
        // What becomes of it is up to who forges packets.
        let _ = client.connect(&to, Patience::NONE);
        thread::sleep(Duration::from_millis(5));
        let _ = client.send(&mut &b"hello"[..], Outgoing::default(), Patience::NONE);
        let _ = listener.accept(Patience::NONE).map(|server| receive(&*server, 9, Patience::NONE));
        thread::sleep(Duration::from_millis(5));
    }
    let datagrams = socket(&networks.0, family::INET, kind::DGRAM);
    datagrams.bind(&address("10.0.0.1:0")).unwrap();
}
