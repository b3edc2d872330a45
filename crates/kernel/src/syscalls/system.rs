//! The system as a whole: names, memory, random numbers, the kernel's log.

use lazaret_abi::{
    capability::cap,
    errno::Errno,
    system::{SysInfo, UtsName, random, syslog as action},
};
use rustix::rand::GetRandomFlags;

use super::SysResult;
use crate::{
    task::{Current, uts},
    uaddr::{UserAddr, UserPtr},
    uio::{Sink, UserBuffers},
    wait::{Interruptible, wait_until},
};

/// uname(2).
pub fn uname(current: &mut Current, buf: UserPtr<UtsName>) -> SysResult {
    current.write(buf, &current.task.uts().uname())?;
    Ok(0)
}

/// Reads a new name of the system.
fn read_name(current: &Current, name: UserAddr, length: i32) -> Result<Vec<u8>, Errno> {
    if !current.task.creds().has(cap::SYS_ADMIN) {
        return Err(Errno::EPERM);
    }
    let length = usize::try_from(length).ok().filter(|length| *length <= uts::NAME_MAX).ok_or(Errno::EINVAL)?;
    let mut bytes = vec![0; length];
    current.read_bytes(name, &mut bytes)?;
    Ok(bytes)
}

/// sethostname(2).
pub fn sethostname(current: &mut Current, name: UserAddr, length: i32) -> SysResult {
    let name = read_name(current, name, length)?;
    current.task.uts().set_host(&name)?;
    Ok(0)
}

/// setdomainname(2).
pub fn setdomainname(current: &mut Current, name: UserAddr, length: i32) -> SysResult {
    let name = read_name(current, name, length)?;
    current.task.uts().set_domain(&name)?;
    Ok(0)
}

/// sysinfo(2). Memory and load are the machine's.
pub fn sysinfo(current: &mut Current, info: UserPtr<SysInfo>) -> SysResult {
    let host = rustix::system::sysinfo();
    let value = SysInfo {
        uptime: host.uptime,
        loads: host.loads,
        total_ram: host.totalram,
        free_ram: host.freeram,
        shared_ram: host.sharedram,
        buffer_ram: host.bufferram,
        total_swap: host.totalswap,
        free_swap: host.freeswap,
        // The host's processes are none of the application's business.
        processes: super::target::count(current),
        unit: host.mem_unit,
        ..SysInfo::default()
    };
    current.write(info, &value)?;
    Ok(0)
}

/// getrandom(2). The host's pool is long initialised, so it never blocks.
pub fn getrandom(current: &mut Current, buf: UserAddr, count: usize, flags: u32) -> SysResult {
    const KNOWN: u32 = random::NONBLOCK | random::RANDOM | random::INSECURE;
    const BOTH: u32 = random::RANDOM | random::INSECURE;
    if flags & !KNOWN != 0 || flags & BOTH == BOTH {
        return Err(Errno::EINVAL);
    }
    let mut sink = current.buffer(buf, count.min(UserBuffers::MAX));
    let mut bytes = [0; 4096];
    let mut done = 0;
    while sink.remaining() > 0 {
        let part = bytes.len().min(sink.remaining());
        let got = rustix::rand::getrandom(&mut bytes[..part], GetRandomFlags::empty())
            .map_err(|error| Errno::from_raw(error.raw_os_error()))?;
        match sink.put(&bytes[..got]) {
            Ok(stored) if stored == got => done += stored,
            Ok(stored) => return Ok(done + stored),
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        }
        // As Linux does, a long read looks out for signals.
        if done > 256 && current.task.should_stop_waiting(Interruptible::Signals) {
            break;
        }
    }
    Ok(done)
}

/// syslog(2). The application's kernel log is empty, and only for the privileged to look at.
pub fn syslog(current: &mut Current, action: u32, buf: UserAddr, length: i32) -> SysResult {
    const BUFFER_SIZE: usize = 1 << 17;
    if action > action::SIZE_BUFFER {
        return Err(Errno::EINVAL);
    }
    if !current.task.creds().has(cap::SYSLOG) {
        return Err(Errno::EPERM);
    }
    match action {
        action::READ | action::READ_ALL | action::READ_CLEAR => {
            if buf.is_null() || length < 0 {
                return Err(Errno::EINVAL);
            }
            if action == action::READ && length > 0 {
                // Nothing will ever come.
                return wait_until(&[], None, Interruptible::Signals, || None::<usize>);
            }
            Ok(0)
        }
        action::CONSOLE_LEVEL if !(1..=8).contains(&length) => Err(Errno::EINVAL),
        action::SIZE_BUFFER => Ok(BUFFER_SIZE),
        _ => Ok(0),
    }
}
