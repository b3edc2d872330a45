//! membarrier(2).

use lazaret_abi::{errno::Errno, memory::membarrier as command};
use rustix::thread::{MembarrierCommand, membarrier as host_barrier};

use super::SysResult;
use crate::{sync::Ordering, task::Current};

/// What is offered. Barriers that also synchronise instruction streams are not: the host gives them
/// to the caller's own threads only.
const OFFERED: u32 = command::GLOBAL
    | command::GLOBAL_EXPEDITED
    | command::REGISTER_GLOBAL_EXPEDITED
    | command::PRIVATE_EXPEDITED
    | command::REGISTER_PRIVATE_EXPEDITED;

/// membarrier(2). Threads of the application run in another host process than the kernel: the barrier
/// that reaches them is the host's global one. It takes milliseconds, and orders what it must.
pub fn membarrier(current: &mut Current, command: u32, flags: u32, _cpu: i32) -> SysResult {
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    let registered = &current.task.group().barriers;
    match command {
        command::QUERY => usize::try_from(OFFERED).map_err(|_| Errno::EINVAL),
        command::REGISTER_PRIVATE_EXPEDITED | command::REGISTER_GLOBAL_EXPEDITED => {
            registered.fetch_or(command, Ordering::Relaxed);
            Ok(0)
        }
        command::PRIVATE_EXPEDITED if registered.load(Ordering::Relaxed) & command::REGISTER_PRIVATE_EXPEDITED == 0 => {
            Err(Errno::EPERM)
        }
        command::PRIVATE_EXPEDITED | command::GLOBAL | command::GLOBAL_EXPEDITED => {
            host_barrier(MembarrierCommand::Global).map_err(|error| Errno::from_raw(error.raw_os_error()))?;
            Ok(0)
        }
        command::GET_REGISTRATIONS => usize::try_from(registered.load(Ordering::Relaxed)).map_err(|_| Errno::EINVAL),
        _ => Err(Errno::EINVAL),
    }
}
