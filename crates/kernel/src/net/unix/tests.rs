use super::*;
use crate::{
    fs::file::flags,
    net::{SocketFile, control::Control},
    uio::BufferSink,
};

fn abstract_name(name: &str) -> Address {
    Address::Unix(UnixName::Abstract(name.as_bytes().to_vec()))
}

fn send(socket: &UnixSocket, mut data: &[u8]) -> Result<usize, Errno> {
    socket.send(&mut data, Outgoing::default(), Patience::NONE)
}

fn receive(socket: &dyn Socket, limit: usize) -> Result<Vec<u8>, Errno> {
    let mut sink = BufferSink::new(limit);
    socket.receive(&mut sink, 0, Patience::NONE).map(|_| sink.data)
}

#[test]
fn a_pair_is_connected_both_ways() {
    let (one, two) = UnixSocket::pair(kind::STREAM);
    assert_eq!(send(&one, b"hello"), Ok(5));
    assert_eq!(receive(&*two, 3), Ok(b"hel".to_vec()));
    assert_eq!(receive(&*one, 3), Err(Errno::EAGAIN));
    assert_eq!(one.poll(None), Events::WRITABLE);
    drop(two);
    assert_eq!(one.poll(None), Events::WRITABLE | Events::READABLE | Events::RDHUP | Events::HUP | Events::ERR);
    assert_eq!(receive(&*one, 3), Err(Errno::ECONNRESET));
    assert_eq!(receive(&*one, 3), Ok(Vec::new()));
    assert_eq!(send(&one, b"x"), Err(Errno::EPIPE));
}

#[test]
fn connections_are_accepted_in_order() {
    let listener = UnixSocket::new(kind::STREAM);
    let address = abstract_name("accepting");
    assert_eq!(listener.listen(1), Err(Errno::EINVAL));
    listener.bind(&address).unwrap();
    listener.listen(0).unwrap();
    let client = UnixSocket::new(kind::STREAM);
    client.connect(&address, Patience::NONE).unwrap();
    assert_eq!(client.connect(&address, Patience::NONE), Err(Errno::EISCONN));
    let late = UnixSocket::new(kind::STREAM);
    assert_eq!(late.connect(&address, Patience::NONE), Err(Errno::EAGAIN));
    let wrong = UnixSocket::new(kind::SEQPACKET);
    assert_eq!(wrong.connect(&address, Patience::NONE), Err(Errno::EPROTOTYPE));
    assert_eq!(send(&client, b"early"), Ok(5));
    let server = listener.accept(Patience::NONE).unwrap();
    assert_eq!(receive(&*server, 9), Ok(b"early".to_vec()));
    assert_eq!(client.peer_address(), Ok(address.clone()));
    assert_eq!(server.local_address(), address);
    assert_eq!(listener.accept(Patience::NONE).err(), Some(Errno::EAGAIN));
    drop(listener);
    assert_eq!(late.connect(&address, Patience::NONE), Err(Errno::ECONNREFUSED));
}

#[test]
fn datagrams_keep_boundaries_and_senders() {
    let server = UnixSocket::new(kind::DGRAM);
    server.bind(&abstract_name("datagrams")).unwrap();
    let client = UnixSocket::new(kind::DGRAM);
    client.bind(&Address::Unix(UnixName::Unnamed)).unwrap();
    client.connect(&abstract_name("datagrams"), Patience::NONE).unwrap();
    for data in [&b"one"[..], b""] {
        assert_eq!(send(&client, data), Ok(data.len()));
    }
    let mut sink = BufferSink::new(2);
    let incoming = server.receive(&mut sink, message::TRUNC, Patience::NONE).unwrap();
    assert_eq!((incoming.length, incoming.full, incoming.flags), (2, 3, message::TRUNC));
    assert_eq!(incoming.from, Some(client.local_address()));
    assert_eq!(receive(&*server, 9), Ok(Vec::new()));
    for _ in 0..=MAX_MESSAGES {
        assert_eq!(send(&client, b"x"), Ok(1));
    }
    assert_eq!(send(&client, b"x"), Err(Errno::EAGAIN));
    drop(server);
    assert_eq!(send(&client, b"x"), Err(Errno::ECONNREFUSED));
}

#[test]
fn circles_of_sockets_in_flight_are_freed() {
    let (one, two) = UnixSocket::pair(kind::STREAM);
    let (weak_one, weak_two) = (Arc::downgrade(&one), Arc::downgrade(&two));
    let (one_file, two_file) = (SocketFile::open(one.clone(), 0), SocketFile::open(two.clone(), flags::NONBLOCK));
    for (socket, file) in [(&one, &one_file), (&two, &two_file)] {
        let rights = flight::Rights::new(vec![file.clone()], 0, usize::MAX).unwrap();
        let control = Control { rights, ..Control::default() };
        let outgoing = Outgoing { control, ..Outgoing::default() };
        assert_eq!(socket.send(&mut &b"x"[..], outgoing, Patience::NONE), Ok(1));
    }
    drop((one, two, one_file, two_file));
    // Any socket that goes has the circle found.
    drop(UnixSocket::new(kind::STREAM));
    assert!(weak_one.upgrade().is_none() && weak_two.upgrade().is_none());
}
