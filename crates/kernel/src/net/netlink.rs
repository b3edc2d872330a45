//! AF_NETLINK sockets; see netlink(7), rtnetlink(7).

use lazaret_abi::errno::Errno;

use super::Socket;
use crate::sync::Arc;

/// A new socket.
///
/// # Errors
/// `EAFNOSUPPORT`.
pub fn create(_kind: u32, _protocol: u32) -> Result<Arc<dyn Socket>, Errno> {
    Err(Errno::EAFNOSUPPORT)
}
