//! Files of `/proc/PID/net` that list sockets, in the columns that Linux has; see proc(5).
//!
//! Open sockets are found by the tables of descriptors, so that nothing has to be kept for readers of these files.

use std::{
    collections::HashSet,
    fmt::Write as _,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

use lazaret_abi::socket::{family, kind, level, protocol, tcp};

use crate::{
    boot::Kernel,
    net::{Address, Socket, SocketFile, address::UnixName, inet::tcp::TcpSocket},
    sync::Arc,
};

/// TCP_ESTABLISHED, TCP_TIME_WAIT, TCP_CLOSE and TCP_LISTEN, which stand for the states of other sockets too.
const ESTABLISHED: u8 = 1;
const TIME_WAIT: u8 = 6;
const CLOSE: u8 = 7;
const LISTEN: u8 = 10;
/// SS_UNCONNECTED and SS_CONNECTED.
const UNCONNECTED: u8 = 1;
const CONNECTED: u8 = 3;
/// SO_ACCEPTCON, as a flag.
const ACCEPTS: u32 = 1 << 16;
/// Widths of lines.
const TCP_WIDTH: usize = 149;
const UDP_WIDTH: usize = 127;

/// A socket, as its files are listed.
struct Open {
    socket: Arc<dyn Socket>,
    inode: u64,
    uid: u32,
}

/// All open sockets, in the order of their inodes.
fn open(kernel: &Kernel) -> Vec<Open> {
    // Several tasks may have one table, and several tables one file.
    let tables: Vec<_> = kernel.processes().tasks().map(|task| task.files()).collect();
    let (mut tables_seen, mut files_seen, mut sockets) = (HashSet::new(), HashSet::new(), Vec::new());
    for table in tables.iter().filter(|table| tables_seen.insert(Arc::as_ptr(table).addr())) {
        for file in table.files() {
            if let Some(socket) = SocketFile::of(&file)
                && files_seen.insert(Arc::as_ptr(&file).addr())
                && let Ok(attributes) = file.inode().attributes()
            {
                sockets.push(Open { socket: socket.clone(), inode: attributes.inode, uid: attributes.uid });
            }
        }
    }
    sockets.sort_by_key(|open| open.inode);
    sockets
}

/// A line of a file about AF_INET or AF_INET6.
struct Row {
    local: SocketAddr,
    remote: SocketAddr,
    state: u8,
    /// Bytes to be sent and to be read.
    queues: [usize; 2],
    uid: u32,
    inode: u64,
}

fn unspecified(family: u32) -> SocketAddr {
    let any: IpAddr = if family == family::INET6 { Ipv6Addr::UNSPECIFIED.into() } else { [0, 0, 0, 0].into() };
    SocketAddr::new(any, 0)
}

fn inet(address: Address, family: u32) -> SocketAddr {
    match address {
        Address::Inet(address) => address,
        _ => unspecified(family),
    }
}

impl Row {
    fn of(socket: &dyn Socket, state: u8, uid: u32, inode: u64) -> Row {
        let family = socket.common().family;
        Row {
            local: inet(socket.local_address(), family),
            remote: socket.peer_address().map_or_else(|_| unspecified(family), |peer| inet(peer, family)),
            state,
            queues: [socket.unsent_bytes(), socket.readable_bytes().unwrap_or(0)],
            uid,
            inode,
        }
    }

    /// What the lines of all protocols have. `number` is the first column.
    fn text(&self, number: &str, references: usize) -> String {
        let Row { local, remote, state, queues: [unsent, unread], uid, inode } = self;
        format!(
            "{number}: {} {} {state:02X} {unsent:08X}:{unread:08X} 00:00000000 00000000 {uid:5} {:8} {inode} \
             {references} {:016x}",
            shown(*local),
            shown(*remote),
            0,
            0,
        )
    }
}

/// An address as words of memory.
fn shown(address: SocketAddr) -> String {
    let words = |bytes: &[u8]| {
        let words = bytes.as_chunks::<4>().0.iter();
        words.fold(String::new(), |text, word| text + &format!("{:08X}", u32::from_ne_bytes(*word)))
    };
    let ip = match address.ip() {
        IpAddr::V4(ip) => words(&ip.octets()),
        IpAddr::V6(ip) => words(&ip.octets()),
    };
    format!("{ip}:{:04X}", address.port())
}

fn is_tcp(socket: &dyn Socket) -> bool {
    let common = socket.common();
    common.kind == kind::STREAM && matches!(common.family, family::INET | family::INET6)
}

/// TCP_INFO begins with it.
fn tcp_state(socket: &dyn Socket) -> u8 {
    let info = socket.option(level::TCP, tcp::INFO);
    info.ok().and_then(|info| info.first().copied()).unwrap_or(CLOSE)
}

/// Connections and sockets that listen, of both families.
fn tcp_rows(kernel: &Kernel, sockets: &[Open]) -> Vec<(u32, Row)> {
    let (mut rows, mut known) = (Vec::new(), HashSet::new());
    let mut add = |socket: &dyn Socket, uid: u32, inode: u64| {
        let state = tcp_state(socket);
        let mut row = Row::of(socket, state, uid, inode);
        if state == LISTEN {
            row.queues = [0, socket.pending_connections()];
        }
        let plain = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        known.insert((plain(row.local), plain(row.remote)));
        if state != CLOSE {
            rows.push((socket.common().family, row));
        }
    };
    for open in sockets.iter().filter(|open| is_tcp(&*open.socket)) {
        add(&*open.socket, open.uid, open.inode);
        // They have no file yet.
        for waiting in open.socket.downcast_ref::<TcpSocket>().map(TcpSocket::pending).unwrap_or_default() {
            add(&*waiting, 0, 0);
        }
    }
    // Those of the links whose sockets are gone.
    if let Some(stack) = kernel.network.stack() {
        let gone = stack.tcp.all().into_iter().map(|connection| (connection.ends, connection.state_number()));
        for ((local, remote), state) in gone.chain(stack.tcp.retired().into_iter().map(|ends| (ends, TIME_WAIT))) {
            if known.insert((local, remote)) && state != CLOSE {
                let family = if local.is_ipv4() { family::INET } else { family::INET6 };
                rows.push((family, Row { local, remote, state, queues: [0, 0], uid: 0, inode: 0 }));
            }
        }
    }
    // As on Linux, those that listen come first.
    rows.sort_by_key(|(_, row)| row.state != LISTEN);
    rows
}

const HEADING: &str =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
const HEADING_6: &str = "  sl  local_address                         remote_address                        \
                         st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
/// More of it for sockets without connections.
const MORE: &str = " ref pointer drops";

/// `tcp` and `tcp6`.
pub fn tcp(kernel: &Kernel, family: u32) -> String {
    let is_old = family == family::INET;
    let mut text = if is_old { format!("{HEADING:<TCP_WIDTH$}\n") } else { format!("{HEADING_6}\n") };
    let rows = tcp_rows(kernel, &open(kernel)).into_iter().filter(|(of, _)| *of == family);
    for (number, (_, row)) in rows.enumerate() {
        // Times and windows are those of a connection that was just made: this kernel has them only for some.
        let rest = match row.state {
            LISTEN => " 100 0 0 10 0",
            TIME_WAIT => "",
            _ => " 20 4 0 10 -1",
        };
        // Each connection that waits refers to the socket that it waits for.
        let references = if row.state == LISTEN { 1 + row.queues[1] } else { 2 };
        let line = row.text(&format!("{number:4}"), references) + rest;
        let _ = if is_old { writeln!(text, "{line:<TCP_WIDTH$}") } else { writeln!(text, "{line}") };
    }
    text
}

/// Whose datagrams a file lists.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Datagrams {
    /// `udp`
    Udp,
    /// `icmp`
    Icmp,
    /// `raw`
    Raw,
}

fn datagrams_of(socket: &dyn Socket, family: u32) -> Option<Datagrams> {
    let common = socket.common();
    match (common.kind, common.protocol) {
        _ if common.family != family => None,
        (kind::RAW, _) => Some(Datagrams::Raw),
        (kind::DGRAM, protocol::ICMP | protocol::ICMPV6) => Some(Datagrams::Icmp),
        (kind::DGRAM, _) => Some(Datagrams::Udp),
        _ => None,
    }
}

fn datagram_rows(sockets: &[Open], what: Datagrams, family: u32) -> Vec<Row> {
    let of = sockets.iter().filter(|open| datagrams_of(&*open.socket, family) == Some(what));
    of.filter_map(|open| {
        let socket = &*open.socket;
        let state = if socket.peer_address().is_ok() { ESTABLISHED } else { CLOSE };
        let mut row = Row::of(socket, state, open.uid, open.inode);
        if what == Datagrams::Raw {
            // In the place of the port.
            row.local.set_port(u16::try_from(socket.common().protocol).unwrap_or_default());
        }
        (row.local.port() != 0).then_some(row)
    })
    .collect()
}

/// `udp`, `icmp`, `raw`, and those of IPv6.
pub fn datagrams(kernel: &Kernel, what: Datagrams, family: u32) -> String {
    let heading = if family == family::INET { HEADING } else { HEADING_6 };
    // Only some are padded.
    let width = if what != Datagrams::Raw && family == family::INET { UDP_WIDTH } else { 0 };
    let space = if what == Datagrams::Udp && family == family::INET { " " } else { "" };
    let mut text = format!("{:<width$}\n", format!("{space}{heading}{MORE}"));
    for row in datagram_rows(&open(kernel), what, family) {
        let number = match what {
            Datagrams::Raw => format!("{:4}", row.local.port()),
            _ => format!("{:5}", row.local.port()),
        };
        let line = row.text(&number, 2) + " 0";
        let _ = writeln!(text, "{line:<width$}");
    }
    text
}

/// `unix`.
pub fn unix(kernel: &Kernel) -> String {
    let mut text = String::from("Num       RefCount Protocol Flags    Type St Inode Path\n");
    for open in open(kernel).iter().filter(|open| open.socket.common().family == family::UNIX) {
        let socket = &*open.socket;
        let is_connected = socket.peer_address().is_ok();
        let state = if is_connected { CONNECTED } else { UNCONNECTED };
        let flags = if socket.is_listening() { ACCEPTS } else { 0 };
        let (references, kind, inode) = (if is_connected { 3 } else { 2 }, socket.common().kind, open.inode);
        let name = match socket.local_address() {
            Address::Unix(UnixName::Path(path)) => format!(" {}", String::from_utf8_lossy(&path)),
            // Zeros are shown like the first one.
            Address::Unix(UnixName::Abstract(name)) => {
                format!(" @{}", String::from_utf8_lossy(&name).replace('\0', "@"))
            }
            _ => String::new(),
        };
        let _ =
            writeln!(text, "{:016x}: {references:08X} 00000000 {flags:08X} {kind:04X} {state:02X} {inode:5}{name}", 0);
    }
    text
}

/// `sockstat` and `sockstat6`.
pub fn statistics(kernel: &Kernel, family: u32) -> String {
    let sockets = open(kernel);
    let rows = tcp_rows(kernel, &sockets);
    let count = |wanted: &dyn Fn(&Row) -> bool| rows.iter().filter(|(of, row)| *of == family && wanted(row)).count();
    let [udp, raw] = [Datagrams::Udp, Datagrams::Raw].map(|what| datagram_rows(&sockets, what, family).len());
    let in_use = count(&|row| row.state != TIME_WAIT);
    if family == family::INET6 {
        return format!(
            "TCP6: inuse {in_use}\nUDP6: inuse {udp}\nUDPLITE6: inuse 0\nRAW6: inuse {raw}\nFRAG6: inuse 0 memory 0\n"
        );
    }
    let all = |wanted: &dyn Fn(&Row) -> bool| rows.iter().filter(|(_, row)| wanted(row)).count();
    let (orphans, over) = (all(&|row| row.inode == 0 && row.state != TIME_WAIT), all(&|row| row.state == TIME_WAIT));
    let made = sockets.iter().filter(|open| is_tcp(&*open.socket)).count() + orphans;
    format!(
        "sockets: used {}\nTCP: inuse {in_use} orphan {orphans} tw {over} alloc {made} mem 0\nUDP: inuse {udp} mem 0\n\
         UDPLITE: inuse 0\nRAW: inuse {raw}\nFRAG: inuse 0 memory 0\n",
        sockets.len(),
    )
}
