//! Calls for administrators of a whole machine. The application has none to administer: whoever it
//! is, they are refused as Linux refuses an ordinary user.

use lazaret_abi::{capability::cap, errno::Errno, id::Fd};

use super::SysResult;
use crate::{task::Current, uaddr::UserAddr};

/// acct(2).
pub fn acct(_current: &mut Current, _path: UserAddr) -> SysResult {
    Err(Errno::EPERM)
}

/// swapon(2).
pub fn swapon(_current: &mut Current, _path: UserAddr, _flags: u32) -> SysResult {
    Err(Errno::EPERM)
}

/// swapoff(2).
pub fn swapoff(_current: &mut Current, _path: UserAddr) -> SysResult {
    Err(Errno::EPERM)
}

/// reboot(2).
pub fn reboot(_current: &mut Current, _magic: u32, _magic2: u32, _command: u32, _argument: UserAddr) -> SysResult {
    Err(Errno::EPERM)
}

/// iopl(2). Level 0 is what every task has.
pub fn iopl(_current: &mut Current, level: u32) -> SysResult {
    match level {
        0 => Ok(0),
        1..=3 => Err(Errno::EPERM),
        _ => Err(Errno::EINVAL),
    }
}

/// ioperm(2).
pub fn ioperm(_current: &mut Current, from: u64, count: u64, on: i32) -> SysResult {
    const PORTS: u64 = 65_536;
    match from.checked_add(count) {
        Some(end) if end > from && end <= PORTS => {}
        _ => return Err(Errno::EINVAL),
    }
    if on != 0 { Err(Errno::EPERM) } else { Ok(0) }
}

/// init_module(2).
pub fn init_module(_current: &mut Current, _image: UserAddr, _length: usize, _parameters: UserAddr) -> SysResult {
    Err(Errno::EPERM)
}

/// finit_module(2).
pub fn finit_module(_current: &mut Current, _fd: Fd, _parameters: UserAddr, _flags: u32) -> SysResult {
    Err(Errno::EPERM)
}

/// delete_module(2).
pub fn delete_module(_current: &mut Current, _name: UserAddr, _flags: u32) -> SysResult {
    Err(Errno::EPERM)
}

/// kexec_load(2).
pub fn kexec_load(
    _current: &mut Current,
    _entry: UserAddr,
    _count: usize,
    _segments: UserAddr,
    _flags: u64,
) -> SysResult {
    Err(Errno::EPERM)
}

/// kexec_file_load(2).
pub fn kexec_file_load(
    _current: &mut Current,
    _kernel: Fd,
    _initrd: Fd,
    _length: usize,
    _command_line: UserAddr,
    _flags: u64,
) -> SysResult {
    Err(Errno::EPERM)
}

/// ustat(2). None of the file systems answers it, as tmpfs of Linux does not know free inodes by
/// device number.
pub fn ustat(_current: &mut Current, _device: u32, _buf: UserAddr) -> SysResult {
    Err(Errno::EINVAL)
}

/// vhangup(2).
pub fn vhangup(current: &mut Current) -> SysResult {
    if current.task.creds().has(cap::SYS_TTY_CONFIG) { Ok(0) } else { Err(Errno::EPERM) }
}
