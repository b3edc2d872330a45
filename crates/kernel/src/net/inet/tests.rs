use lazaret_abi::socket::{ipv6, level};

use super::*;
use crate::{
    net::{Outgoing, Patience, options},
    uio::BufferSink,
    wait::Events,
};

fn address(text: &str) -> Address {
    Address::Inet(text.parse().unwrap())
}

fn port_of(socket: &dyn Socket) -> u16 {
    match socket.local_address() {
        Address::Inet(address) => address.port(),
        other => panic!("{other:?}"),
    }
}

fn send(socket: &dyn Socket, mut data: &[u8], to: Option<Address>) -> Result<usize, Errno> {
    socket.send(&mut data, Outgoing { to, ..Outgoing::default() }, Patience::NONE)
}

fn receive(socket: &dyn Socket, limit: usize) -> Result<(Vec<u8>, Option<Address>), Errno> {
    let mut sink = BufferSink::new(limit);
    let incoming = socket.receive(&mut sink, 0, Patience::NONE)?;
    Ok((sink.data, incoming.from))
}

fn listening(domain: u32, text: &str) -> (Arc<TcpSocket>, u16) {
    let listener = TcpSocket::new(&Arc::default(), domain);
    listener.bind(&address(text)).unwrap();
    listener.listen(1).unwrap();
    let port = port_of(&*listener);
    (listener, port)
}

#[test]
fn a_connection_carries_bytes_both_ways_and_closes_by_halves() {
    let (listener, port) = listening(family::INET, "127.0.0.1:0");
    let client = TcpSocket::new(&Arc::default(), family::INET);
    let to = address(&format!("127.0.0.1:{port}"));
    assert_eq!(client.connect(&to, Patience::ENDLESS), Ok(()));
    assert_eq!(client.connect(&to, Patience::ENDLESS), Err(Errno::EISCONN));
    let server = listener.accept(Patience::NONE).unwrap();
    assert_eq!(server.peer_address(), Ok(client.local_address()));
    assert_eq!(send(&*client, b"ping", None), Ok(4));
    client.shutdown(false, true).unwrap();
    assert_eq!(receive(&*server, 9).unwrap().0, b"ping");
    assert_eq!(receive(&*server, 9).unwrap().0, b"");
    assert_eq!(send(&*server, b"pong", None), Ok(4));
    drop(server);
    assert_eq!(receive(&*client, 9).unwrap().0, b"pong");
    assert_eq!(receive(&*client, 9).unwrap().0, b"");
    assert_eq!(send(&*client, b"x", None), Err(Errno::EPIPE));
}

#[test]
fn nobody_listening_refuses() {
    let (listener, port) = listening(family::INET, "127.0.0.1:0");
    drop(listener);
    let to = address(&format!("127.0.0.1:{port}"));
    let client = TcpSocket::new(&Arc::default(), family::INET);
    assert_eq!(client.connect(&to, Patience::ENDLESS), Err(Errno::ECONNREFUSED));
    let client = TcpSocket::new(&Arc::default(), family::INET);
    assert_eq!(client.connect(&to, Patience::NONE), Err(Errno::EINPROGRESS));
    assert!(client.poll(None).contains(Events::ERR | Events::HUP | Events::WRITABLE));
    assert_eq!(client.common().take_error(), Some(Errno::ECONNREFUSED));
    assert_eq!(client.connect(&address("10.0.0.1:80"), Patience::NONE), Err(Errno::ENETUNREACH));
}

#[test]
fn a_full_backlog_makes_connections_wait() {
    let (listener, port) = listening(family::INET, "127.0.0.1:0");
    let to = address(&format!("127.0.0.1:{port}"));
    let clients = [(); 3].map(|()| TcpSocket::new(&Arc::default(), family::INET));
    for client in &clients {
        assert_eq!(client.connect(&to, Patience::NONE), Err(Errno::EINPROGRESS));
    }
    assert_eq!(clients[0].connect(&to, Patience::NONE), Ok(()));
    assert_eq!(clients[2].connect(&to, Patience::NONE), Err(Errno::EALREADY));
    assert_eq!(clients[2].poll(None), Events::empty());
    listener.accept(Patience::NONE).unwrap();
    assert_eq!(clients[2].poll(None), Events::WRITABLE);
    assert_eq!(clients[2].connect(&to, Patience::NONE), Ok(()));
}

#[test]
fn those_who_gave_up_wait_no_longer() {
    let (listener, port) = listening(family::INET, "127.0.0.1:0");
    let to = address(&format!("127.0.0.1:{port}"));
    let clients = [(); 3].map(|()| TcpSocket::new(&Arc::default(), family::INET));
    for client in &clients {
        assert_eq!(client.connect(&to, Patience::NONE), Err(Errno::EINPROGRESS));
    }
    for _ in 0..100 {
        clients[2].connect(&Address::Unspecified, Patience::NONE).unwrap();
        assert_eq!(clients[2].connect(&to, Patience::NONE), Err(Errno::EINPROGRESS));
        let client = TcpSocket::new(&Arc::default(), family::INET);
        assert_eq!(client.connect(&to, Patience::NONE), Err(Errno::EINPROGRESS));
    }
    assert!(listener.waiting() <= 2);
    clients[2].connect(&Address::Unspecified, Patience::NONE).unwrap();
    for _ in 0..2 {
        listener.accept(Patience::NONE).unwrap();
    }
    assert_eq!(listener.accept(Patience::NONE).err(), Some(Errno::EAGAIN));
    assert!(clients[2].peer_address().is_err());
}

#[test]
fn closing_with_unread_data_resets() {
    let (listener, port) = listening(family::INET6, "[::1]:0");
    let client = TcpSocket::new(&Arc::default(), family::INET6);
    client.connect(&address(&format!("[::1]:{port}")), Patience::ENDLESS).unwrap();
    let server = listener.accept(Patience::NONE).unwrap();
    send(&*client, b"unread", None).unwrap();
    drop(server);
    assert_eq!(receive(&*client, 9).err(), Some(Errno::ECONNRESET));
    assert_eq!(receive(&*client, 9).unwrap().0, b"");
}

#[test]
fn an_ipv6_listener_takes_ipv4_unless_told_otherwise() {
    let (listener, port) = listening(family::INET6, "[::]:0");
    let client = TcpSocket::new(&Arc::default(), family::INET);
    client.connect(&address(&format!("127.0.0.1:{port}")), Patience::ENDLESS).unwrap();
    let server = listener.accept(Patience::NONE).unwrap();
    assert_eq!(server.local_address(), address(&format!("[::ffff:127.0.0.1]:{port}")));
    let other = TcpSocket::new(&Arc::default(), family::INET);
    assert_eq!(other.bind(&address(&format!("0.0.0.0:{port}"))), Err(Errno::EADDRINUSE));
    let alone = TcpSocket::new(&Arc::default(), family::INET6);
    options::set(&*alone, &Creds::root(), level::IPV6, ipv6::V6ONLY, &1_i32.to_ne_bytes()).unwrap();
    alone.bind(&address("[::]:0")).unwrap();
    assert_eq!(other.bind(&address(&format!("0.0.0.0:{}", port_of(&*alone)))), Ok(()));
}

#[test]
fn datagrams_find_their_port() {
    let server = UdpSocket::new(&Arc::default(), family::INET);
    server.bind(&address("127.0.0.1:0")).unwrap();
    let to = server.local_address();
    let client = UdpSocket::new(&Arc::default(), family::INET);
    assert_eq!(send(&*client, b"x", None), Err(Errno::EDESTADDRREQ));
    assert_eq!(send(&*client, b"hello", Some(to.clone())), Ok(5));
    let (data, from) = receive(&*server, 3).unwrap();
    assert_eq!(data, b"hel");
    let from = from.unwrap();
    assert_eq!(from, address(&format!("127.0.0.1:{}", port_of(&*client))));
    client.connect(&to, Patience::NONE).unwrap();
    assert_eq!(send(&*server, b"back", Some(from)), Ok(4));
    assert_eq!(receive(&*client, 9).unwrap().0, b"back");
    drop(server);
    assert_eq!(send(&*client, b"lost", None), Ok(4));
    assert_eq!(receive(&*client, 9).err(), Some(Errno::ECONNREFUSED));
    assert_eq!(send(&*client, &[0; 70_000], None), Err(Errno::EMSGSIZE));
}
