//! Network interfaces as ioctl(2) shows them; see netdevice(7).

use lazaret_abi::errno::Errno;

use crate::{task::Current, uaddr::UserAddr};

/// Requests about interfaces, on any socket.
///
/// # Errors
/// `ENOTTY` for other requests.
pub fn ioctl(_current: &mut Current, _request: u32, _argument: UserAddr) -> Result<usize, Errno> {
    Err(Errno::ENOTTY)
}
