//! CPU clocks of other processes and threads.

use std::{io, time::Duration};

/// CPU time that a host process has used; see clock_getcpuclockid(3).
///
/// # Errors
/// `EINVAL` when there is no such process.
pub fn process_cpu_time(pid: i32) -> io::Result<Duration> {
    // The kernel's encoding: the complement of the pid, and CPUCLOCK_SCHED.
    read(!pid << 3 | 2)
}

/// CPU time that a thread of this process has used; see pthread_getcpuclockid(3).
///
/// # Errors
/// `EINVAL` when there is no such thread.
pub fn thread_cpu_time(tid: i32) -> io::Result<Duration> {
    // As above, with CPUCLOCK_PERTHREAD.
    read(!tid << 3 | 6)
}

fn read(clock: libc::clockid_t) -> io::Result<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec to write to, and clock_gettime does nothing else.
    if unsafe { libc::clock_gettime(clock, &mut time) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_process_has_used_some_time() {
        let pid = i32::try_from(std::process::id()).unwrap();
        assert!(!super::process_cpu_time(pid).unwrap().is_zero());
        assert!(super::process_cpu_time(0x03ff_ffff).is_err());
    }

    #[test]
    fn a_thread_has_its_own_clock() {
        let tid = rustix::thread::gettid().as_raw_nonzero().get();
        let thread = super::thread_cpu_time(tid).unwrap();
        assert!(super::process_cpu_time(i32::try_from(std::process::id()).unwrap()).unwrap() >= thread);
        assert!(super::thread_cpu_time(1).is_err());
    }
}
