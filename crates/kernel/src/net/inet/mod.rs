//! AF_INET and AF_INET6 sockets; see ip(7), ipv6(7), tcp(7), udp(7).

use lazaret_abi::errno::Errno;

use super::Socket;
use crate::{sync::Arc, task::creds::Creds};

/// A new socket.
///
/// # Errors
/// `EAFNOSUPPORT`.
pub fn create(_creds: &Creds, _domain: u32, _kind: u32, _protocol: u32) -> Result<Arc<dyn Socket>, Errno> {
    Err(Errno::EAFNOSUPPORT)
}
