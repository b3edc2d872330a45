//! The signal mask that ppoll(2), pselect(2) and epoll_pwait(2) set for their duration.

use lazaret_abi::{errno::Errno, signal::SigSet};

use super::SysResult;
use crate::{task::Current, uaddr::UserPtr};

/// Runs `call` with the signal mask at `set`; NULL leaves the mask alone.
///
/// # Errors
/// `EINVAL` for a wrong `size`, `EFAULT`, and those of the call.
pub fn with(
    current: &mut Current,
    set: UserPtr<SigSet>,
    size: usize,
    call: impl FnOnce(&mut Current) -> SysResult,
) -> SysResult {
    if set.is_null() {
        return call(current);
    }
    if size != SigSet::SIZE {
        return Err(Errno::EINVAL);
    }
    let set = current.read(set)?;
    current.set_temporary_mask(set);
    call(current)
}
