//! Sockets; see socket(2), socket(7), unix(7), ip(7), cmsg(3).

names! {
    /// Address families.
    pub mod family: u32 = "AF_" {
        UNSPEC = 0, UNIX = 1, INET = 2, AX25 = 3, INET6 = 10, NETLINK = 16, PACKET = 17, ALG = 38, VSOCK = 40,
        BLUETOOTH = 31, XDP = 44,
    }

    /// Types of sockets, without the flags.
    pub mod kind: u32 = "SOCK_" { STREAM = 1, DGRAM = 2, RAW = 3, RDM = 4, SEQPACKET = 5, DCCP = 6, PACKET = 10, }

    /// Flags beside the type, and of accept4(2).
    pub mod flag: u32 = "SOCK_" { NONBLOCK = 0o4000, CLOEXEC = 0o2000000, }

    /// Protocols of AF_INET.
    pub mod protocol: u32 = "IPPROTO_" { IP = 0, ICMP = 1, TCP = 6, UDP = 17, IPV6 = 41, ICMPV6 = 58, RAW = 255, }

    /// Levels of getsockopt(2).
    pub mod level: u32 = "SOL_" { IP = 0, SOCKET = 1, TCP = 6, UDP = 17, IPV6 = 41, ICMPV6 = 58, RAW = 255, NETLINK = 270, }

    /// Options of SOL_SOCKET.
    pub mod option: u32 = "SO_" {
        DEBUG = 1, REUSEADDR = 2, TYPE = 3, ERROR = 4, DONTROUTE = 5, BROADCAST = 6, SNDBUF = 7, RCVBUF = 8,
        KEEPALIVE = 9, OOBINLINE = 10, NO_CHECK = 11, PRIORITY = 12, LINGER = 13, BSDCOMPAT = 14, REUSEPORT = 15,
        PASSCRED = 16, PEERCRED = 17, RCVLOWAT = 18, SNDLOWAT = 19, RCVTIMEO = 20, SNDTIMEO = 21, BINDTODEVICE = 25,
        ATTACH_FILTER = 26, DETACH_FILTER = 27, PEERNAME = 28, TIMESTAMP = 29, ACCEPTCONN = 30, PEERSEC = 31,
        SNDBUFFORCE = 32, RCVBUFFORCE = 33, PASSSEC = 34, TIMESTAMPNS = 35, MARK = 36, TIMESTAMPING = 37,
        PROTOCOL = 38, DOMAIN = 39, RXQ_OVFL = 40, PEEK_OFF = 42, NOFCS = 43, LOCK_FILTER = 44, BUSY_POLL = 46,
        INCOMING_CPU = 49, ATTACH_BPF = 50, MEMINFO = 55, COOKIE = 57, PEERGROUPS = 59, ZEROCOPY = 60,
        PASSPIDFD = 76, PEERPIDFD = 77,
    }

    /// Options of IPPROTO_TCP.
    pub mod tcp: u32 = "TCP_" {
        NODELAY = 1, MAXSEG = 2, CORK = 3, KEEPIDLE = 4, KEEPINTVL = 5, KEEPCNT = 6, SYNCNT = 7, LINGER2 = 8,
        DEFER_ACCEPT = 9, WINDOW_CLAMP = 10, INFO = 11, QUICKACK = 12, CONGESTION = 13, USER_TIMEOUT = 18, FASTOPEN = 23,
    }

    /// Options of IPPROTO_IP.
    pub mod ip: u32 = "IP_" {
        TOS = 1, TTL = 2, HDRINCL = 3, OPTIONS = 4, RECVOPTS = 6, RETOPTS = 7, PKTINFO = 8, MTU_DISCOVER = 10,
        RECVERR = 11, RECVTTL = 12, RECVTOS = 13, MTU = 14, FREEBIND = 15, MULTICAST_IF = 32, MULTICAST_TTL = 33,
        MULTICAST_LOOP = 34, ADD_MEMBERSHIP = 35, DROP_MEMBERSHIP = 36, BIND_ADDRESS_NO_PORT = 24,
    }

    /// Options of IPPROTO_IPV6.
    pub mod ipv6: u32 = "IPV6_" {
        UNICAST_HOPS = 16, MULTICAST_IF = 17, MULTICAST_HOPS = 18, MULTICAST_LOOP = 19, ADD_MEMBERSHIP = 20,
        DROP_MEMBERSHIP = 21, CHECKSUM = 7, MTU_DISCOVER = 23, RECVERR = 25, V6ONLY = 26, RECVPKTINFO = 49, PKTINFO = 50,
        RECVHOPLIMIT = 51, HOPLIMIT = 52, RECVTCLASS = 66, TCLASS = 67,
    }

    /// Flags of send(2) and recv(2).
    pub mod message: u32 = "MSG_" {
        OOB = 1, PEEK = 2, DONTROUTE = 4, CTRUNC = 8, PROBE = 0x10, TRUNC = 0x20, DONTWAIT = 0x40, EOR = 0x80,
        WAITALL = 0x100, FIN = 0x200, SYN = 0x400, CONFIRM = 0x800, RST = 0x1000, ERRQUEUE = 0x2000,
        NOSIGNAL = 0x4000, MORE = 0x8000, WAITFORONE = 0x1_0000, BATCH = 0x4_0000, ZEROCOPY = 0x400_0000,
        FASTOPEN = 0x2000_0000, CMSG_CLOEXEC = 0x4000_0000,
    }

    /// Ancillary messages of SOL_SOCKET.
    pub mod ancillary: u32 = "SCM_" { RIGHTS = 1, CREDENTIALS = 2, SECURITY = 3, PIDFD = 4, }

    /// `how` of shutdown(2).
    pub mod shutdown: u32 = "SHUT_" { RD = 0, WR = 1, RDWR = 2, }
}

/// Longest listen(2) backlog (`net.core.somaxconn`).
pub const BACKLOG_MAX: u32 = 4096;
/// Most descriptors in one SCM_RIGHTS message.
pub const RIGHTS_MAX: usize = 253;
/// Size of `struct sockaddr_storage`.
pub const ADDRESS_MAX: usize = 128;

structures! {
    /// `struct msghdr`.
    pub struct MsgHdr {
        pub name: u64,
        pub name_length: u32,
        pub pad: u32,
        pub iov: u64,
        pub iov_length: u64,
        pub control: u64,
        pub control_length: u64,
        pub flags: u32,
        pub pad2: u32,
    }

    /// `struct mmsghdr`.
    pub struct MMsgHdr { pub header: MsgHdr, pub length: u32, pub pad: u32, }

    /// `struct cmsghdr`.
    pub struct CMsgHdr { pub length: u64, pub level: u32, pub kind: u32, }

    /// `struct ucred`.
    pub struct UCred { pub pid: i32, pub uid: u32, pub gid: u32, }

    /// `struct linger`.
    pub struct Linger { pub on: i32, pub seconds: i32, }

    /// `struct sockaddr_in`; port and address are big-endian.
    pub struct SockAddrIn { pub family: u16, pub port: [u8; 2], pub address: [u8; 4], pub pad: [u8; 8], }

    /// `struct sockaddr_in6`; port, flow label and address are big-endian.
    pub struct SockAddrIn6 {
        pub family: u16,
        pub port: [u8; 2],
        pub flow: [u8; 4],
        pub address: [u8; 16],
        pub scope: u32,
    }

    /// `struct sockaddr_nl`.
    pub struct SockAddrNl { pub family: u16, pub pad: u16, pub port: u32, pub groups: u32, }
}

/// Longest path in a `struct sockaddr_un`.
pub const UNIX_PATH_MAX: usize = 108;
