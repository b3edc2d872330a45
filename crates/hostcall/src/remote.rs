//! Memory and threads of other processes.

use std::io;

use rustix::process::{Pid, Signal};

/// Copies from another process's memory at `address`. Returns how much could be copied before an
/// address was not readable, see process_vm_readv(2).
pub fn read_memory(pid: Pid, address: u64, into: &mut [u8]) -> usize {
    let Ok(base) = usize::try_from(address) else { return 0 };
    let local = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    let remote = libc::iovec { iov_base: std::ptr::without_provenance_mut(base), iov_len: into.len() };
    // SAFETY: the local range is ours to write; the remote one is only looked up by the host.
    let copied =
        unsafe { libc::process_vm_readv(pid.as_raw_nonzero().get(), &raw const local, 1, &raw const remote, 1, 0) };
    usize::try_from(copied).unwrap_or(0)
}

/// Copies into another process's memory, like [`read_memory`]; see process_vm_writev(2).
pub fn write_memory(pid: Pid, address: u64, data: &[u8]) -> usize {
    let Ok(base) = usize::try_from(address) else { return 0 };
    let local = libc::iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: data.len() };
    let remote = libc::iovec { iov_base: std::ptr::without_provenance_mut(base), iov_len: data.len() };
    // SAFETY: the local range is only read; the remote one belongs to the other process.
    let copied =
        unsafe { libc::process_vm_writev(pid.as_raw_nonzero().get(), &raw const local, 1, &raw const remote, 1, 0) };
    usize::try_from(copied).unwrap_or(0)
}

/// Sends a signal to one thread of a process, or none to test that it is there; see tgkill(2).
///
/// # Errors
/// ESRCH when the process has no such thread.
pub fn signal_thread(process: Pid, thread: Pid, signal: Option<Signal>) -> io::Result<()> {
    let signal = signal.map_or(0, Signal::as_raw);
    // SAFETY: the call has no pointers.
    let result = unsafe {
        libc::syscall(libc::SYS_tgkill, process.as_raw_nonzero().get(), thread.as_raw_nonzero().get(), signal)
    };
    match result {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Waits until a child that was made without an exit signal ends, and leaves it to be reaped.
/// Children of other kinds are none of its business; see __WCLONE in waitid(2).
///
/// # Errors
/// ECHILD when there is no such child.
pub fn wait_clone_child() -> io::Result<Pid> {
    let (pid, _) = wait(libc::P_ALL, 0, libc::WNOWAIT)?;
    pid.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// A dead child of the kind that [`wait_clone_child`] waits for, if there is one.
///
/// # Errors
/// ECHILD when there is no such child, dead or alive.
pub fn dead_clone_child() -> io::Result<Option<Pid>> {
    wait(libc::P_ALL, 0, libc::WNOWAIT | libc::WNOHANG).map(|(pid, _)| pid)
}

/// There is a child of the kind that [`wait_clone_child`] finds, dead or alive.
pub fn has_clone_child() -> bool {
    wait(libc::P_ALL, 0, libc::WNOWAIT | libc::WNOHANG).is_ok()
}

/// This process is a child of the kind that [`wait_clone_child`] finds, dead or alive.
pub fn is_clone_child(pid: Pid) -> bool {
    wait(libc::P_PID, pid.as_raw_nonzero().get().cast_unsigned(), libc::WNOWAIT | libc::WNOHANG).is_ok()
}

/// What a child used of memory; see getrusage(2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUse {
    /// Most memory resident at once, in KiB.
    pub max_resident: i64,
    /// Page faults that were served from memory.
    pub minor_faults: i64,
    /// Page faults for which something was read.
    pub major_faults: i64,
}

/// Reaps a child of the kind that [`wait_clone_child`] finds.
///
/// # Errors
/// ECHILD when it is no such child.
pub fn reap_clone_child(pid: Pid) -> io::Result<MemoryUse> {
    wait(libc::P_PID, pid.as_raw_nonzero().get().cast_unsigned(), 0).map(|(_, used)| used)
}

/// No id when there is such a child but, with WNOHANG, no dead one.
fn wait(kind: libc::idtype_t, id: libc::id_t, options: libc::c_int) -> io::Result<(Option<Pid>, MemoryUse)> {
    loop {
        // SAFETY: structures of integers and pointers for which all zeroes are valid.
        let (mut info, mut used): (libc::siginfo_t, libc::rusage) = unsafe { std::mem::zeroed() };
        let options = options | libc::WEXITED | libc::__WCLONE;
        // SAFETY: both structures are valid for the host to write. The C library's function has no place for the
        // second.
        let result = unsafe { libc::syscall(libc::SYS_waitid, kind, id, &raw mut info, options, &raw mut used) };
        if result == -1 {
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::Interrupted {
                continue;
            }
            return Err(error);
        }
        // SAFETY: waitid filled in the fields of SIGCHLD.
        let pid = unsafe { info.si_pid() };
        let used =
            MemoryUse { max_resident: used.ru_maxrss, minor_faults: used.ru_minflt, major_faults: used.ru_majflt };
        return Ok((Pid::from_raw(pid), used));
    }
}
