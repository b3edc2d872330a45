//! Arguments whose values have names: flags, and choices of one among several.

use std::fmt::Write;

use lazaret_abi::{
    epoll, fcntl, futex, inotify, ioctl, memory, mount, prctl, process, resource, sched, signal, socket, stat, system,
    time,
};

use super::{Arg, View, number::low};

/// Appends the names of the bits of a value; what has no name is appended as a number.
pub(super) fn show_bits(value: u64, names: &[(u64, &str)], out: &mut String) {
    let mut rest = value;
    let mut separator = "";
    for (bits, name) in names {
        if *bits != 0 && rest & bits == *bits {
            out.push_str(separator);
            out.push_str(name);
            separator = "|";
            rest &= !bits;
        }
    }
    if rest != 0 || separator.is_empty() {
        let _ = if rest == 0 { write!(out, "0") } else { write!(out, "{separator}{rest:#x}") };
    }
}

/// Appends the name of a value, or the value.
pub(super) fn show_value(value: u64, names: &[(u64, &str)], out: &mut String) {
    match names.iter().find(|(number, _)| *number == value) {
        Some((_, name)) => out.push_str(name),
        None => {
            let _ = write!(out, "{value:#x}");
        }
    }
}

macro_rules! named {
    ($($show:ident $(#[$attribute:meta])* $name:ident($type:ty) = $names:expr;)*) => {
        $(
            $(#[$attribute])*
            pub struct $name;

            impl Arg for $name {
                type Value = $type;

                fn decode(raw: u64) -> $type {
                    <$type as Arg>::decode(raw)
                }

                fn show(raw: u64, _view: &View<'_>, out: &mut String) {
                    // Sign-extended like the constants in the lists of names are.
                    let value = <$type as Arg>::decode(raw) as u64;
                    $show(value, $names, out);
                }
            }
        )*
    };
}

/// Appends flags of open(2): the access mode is a value, not a bit.
fn show_open(value: u64, names: &[(u64, &str)], out: &mut String) {
    let mode = u64::from(fcntl::ACCESS_MODE);
    show_value(value & mode, fcntl::access_mode::NAMES, out);
    if value & !mode != 0 {
        out.push('|');
        show_bits(value & !mode, names, out);
    }
}

/// Appends a protection: no bits have a name of their own.
fn show_prot(value: u64, names: &[(u64, &str)], out: &mut String) {
    if value == 0 { out.push_str("PROT_NONE") } else { show_bits(value, names, out) }
}

/// Appends a mode of access(2).
fn show_access(value: u64, names: &[(u64, &str)], out: &mut String) {
    if value == 0 { out.push_str("F_OK") } else { show_bits(value, names, out) }
}

/// Appends an operation of futex(2) with its flags.
fn show_futex(value: u64, names: &[(u64, &str)], out: &mut String) {
    let flags = u64::from(futex::flag::PRIVATE_FLAG | futex::flag::CLOCK_REALTIME);
    show_value(value & !flags, names, out);
    if value & u64::from(futex::flag::PRIVATE_FLAG) != 0 {
        out.push_str("_PRIVATE");
    }
    if value & u64::from(futex::flag::CLOCK_REALTIME) != 0 {
        out.push_str("|FUTEX_CLOCK_REALTIME");
    }
}

/// Appends the type of a socket with its flags.
fn show_socket_type(value: u64, names: &[(u64, &str)], out: &mut String) {
    show_value(value & 0xf, names, out);
    if value & !0xf != 0 {
        out.push('|');
        show_bits(value & !0xf, socket::flag::NAMES, out);
    }
}

/// Appends flags of clone(2): the exit signal is in the low byte.
fn show_clone(value: u64, names: &[(u64, &str)], out: &mut String) {
    let exit_signal = low(value & 0xff).cast_signed();
    let flags = value & !0xff;
    if flags != 0 || exit_signal == 0 {
        show_bits(flags, names, out);
    }
    if let Some(signal) = signal::Signal::new(exit_signal) {
        let separator = if flags == 0 { "" } else { "|" };
        let _ = write!(out, "{separator}{signal}");
    }
}

/// Appends the type and permissions of a file.
pub(super) fn show_mode(value: u64, names: &[(u64, &str)], out: &mut String) {
    let format = value & u64::from(stat::FORMAT);
    if format != 0 {
        show_value(format, names, out);
        out.push('|');
    }
    let _ = write!(out, "0{:02o}", value & !u64::from(stat::FORMAT));
}

named! {
    show_open /** Flags of open(2). */ OpenFlags(u32) = fcntl::open::NAMES;
    show_bits /** Flags of pipe2(2). */ PipeFlags(u32) = fcntl::pipe::NAMES;
    show_bits /** Flags of dup3(2). */ DupFlags(u32) = fcntl::open::NAMES;
    show_bits /** Flags of fstatat(2) and others. */ AtFlags(u32) = fcntl::at::NAMES;
    show_bits /** Flags of unlinkat(2). */ UnlinkFlags(u32) = fcntl::unlink::NAMES;
    show_access /** Mode of access(2). */ AccessMode(u32) = fcntl::access::NAMES;
    show_bits /** Flags of faccessat2(2). */ AccessFlags(u32) = fcntl::access_flags::NAMES;
    show_bits /** Flags of renameat2(2). */ RenameFlags(u32) = fcntl::rename::NAMES;
    show_value /** Command of fcntl(2). */ FcntlCommand(u32) = fcntl::command::NAMES;
    show_bits /** Operation of flock(2). */ FlockOperation(u32) = fcntl::flock::NAMES;
    show_bits /** Flags of memfd_create(2). */ MemfdFlags(u32) = fcntl::memfd::NAMES;
    show_value /** `whence` of lseek(2). */ Whence(u32) = fcntl::seek::NAMES;
    show_bits /** Mode of fallocate(2). */ FallocateMode(u32) = fcntl::fallocate::NAMES;
    show_value /** Advice of posix_fadvise(2). */ FileAdvice(u32) = fcntl::fadvise::NAMES;
    show_bits /** Flags of preadv2(2). */ RwFlags(u32) = fcntl::rwf::NAMES;
    show_bits /** Flags of splice(2). */ SpliceFlags(u32) = fcntl::splice::NAMES;
    show_bits /** Flags of sync_file_range(2). */ SyncRangeFlags(u32) = fcntl::sync_range::NAMES;
    show_bits /** Flags of close_range(2). */ CloseRangeFlags(u32) = fcntl::close_range::NAMES;
    show_bits /** Flags of setxattr(2). */ XattrFlags(u32) = fcntl::xattr::NAMES;
    show_mode /** Type and permissions, mknod(2). */ FileMode(u32) = stat::format::NAMES;
    show_bits /** Mask of statx(2). */ StatxMask(u32) = stat::statx::NAMES;
    show_value /** Request of ioctl(2). */ IoctlRequest(u32) = ioctl::request::NAMES;
    show_prot /** Protection of mmap(2). */ Prot(u32) = memory::prot::NAMES;
    show_bits /** Flags of mmap(2). */ MapFlags(u32) = memory::map::NAMES;
    show_bits /** Flags of mremap(2). */ RemapFlags(u32) = memory::remap::NAMES;
    show_bits /** Flags of msync(2). */ MsyncFlags(u32) = memory::sync::NAMES;
    show_bits /** Flags of mlockall(2). */ LockAllFlags(u32) = memory::lockall::NAMES;
    show_bits /** Flags of mlock2(2). */ LockFlags(u32) = memory::lock::NAMES;
    show_value /** Advice of madvise(2). */ Advice(u32) = memory::advice::NAMES;
    show_value /** Command of membarrier(2). */ MembarrierCommand(u32) = memory::membarrier::NAMES;
    show_bits /** Flags of mount(2). */ MountFlags(u64) = mount::mount::NAMES;
    show_bits /** Flags of umount2(2). */ UmountFlags(u32) = mount::umount::NAMES;
    show_value /** Option of prctl(2). */ PrctlOption(u32) = prctl::option::NAMES;
    show_value /** Code of arch_prctl(2). */ ArchCode(u32) = prctl::arch::NAMES;
    show_clone /** Flags of clone(2). */ CloneFlags(u64) = process::clone::NAMES;
    show_bits /** Flags of unshare(2) and setns(2). */ UnshareFlags(u64) = process::clone::NAMES;
    show_bits /** Options of wait4(2). */ WaitOptions(u32) = process::wait::NAMES;
    show_value /** Whom waitid(2) waits for. */ WaitId(u32) = process::wait_id::NAMES;
    show_value /** Whose priority. */ PriorityTarget(u32) = process::priority::NAMES;
    show_bits /** Flags of pidfd_open(2). */ PidfdFlags(u32) = process::pidfd::NAMES;
    show_value /** A limited resource. */ Resource(u32) = resource::limit::NAMES;
    show_value /** Whose usage. */ UsageTarget(i32) = resource::usage::NAMES;
    show_value /** A scheduling policy. */ Policy(u32) = sched::policy::NAMES;
    show_value /** `how` of sigprocmask(2). */ MaskHow(u32) = signal::how::NAMES;
    show_bits /** Flags of signalfd4(2). */ SignalfdFlags(u32) = signal::signalfd::NAMES;
    show_bits /** Flags of pidfd_send_signal(2). */ PidfdSignalFlags(u32) = signal::pidfd_signal::NAMES;
    show_futex /** Operation of futex(2). */ FutexOperation(u32) = futex::op::NAMES;
    show_bits /** Flags of futex_wait(2). */ FutexFlags(u32) = futex::flag2::NAMES;
    show_value /** A clock. */ Clock(i32) = time::clock::NAMES;
    show_bits /** Flags of clock_nanosleep(2) and timer_settime(2). */ TimerFlags(u32) = time::timer::NAMES;
    show_bits /** Flags of timerfd_create(2). */ TimerfdFlags(u32) = time::timerfd::NAMES;
    show_bits /** Flags of timerfd_settime(2). */ TimerfdSetFlags(u32) = time::timerfd_set::NAMES;
    show_value /** An interval timer. */ IntervalTimer(u32) = time::interval::NAMES;
    show_bits /** Flags of epoll_create1(2). */ EpollFlags(u32) = epoll::create::NAMES;
    show_value /** Operation of epoll_ctl(2). */ EpollOperation(i32) = epoll::control::NAMES;
    show_bits /** Flags of eventfd2(2). */ EventfdFlags(u32) = epoll::eventfd::NAMES;
    show_bits /** Flags of inotify_init1(2). */ InotifyFlags(u32) = inotify::init::NAMES;
    show_bits /** Mask of inotify_add_watch(2). */ InotifyMask(u32) = inotify::mask::NAMES;
    show_value /** An address family. */ Family(u32) = socket::family::NAMES;
    show_socket_type /** Type of a socket. */ SocketType(u32) = socket::kind::NAMES;
    show_bits /** Flags of accept4(2). */ SocketFlags(u32) = socket::flag::NAMES;
    show_bits /** Flags of send(2) and recv(2). */ MessageFlags(u32) = socket::message::NAMES;
    show_value /** Level of a socket option. */ SocketLevel(u32) = socket::level::NAMES;
    show_value /** `how` of shutdown(2). */ ShutdownHow(u32) = socket::shutdown::NAMES;
    show_bits /** Flags of getrandom(2). */ RandomFlags(u32) = system::random::NAMES;
    show_value /** Action of syslog(2). */ SyslogAction(u32) = system::syslog::NAMES;
}

#[cfg(test)]
mod tests {
    use super::{show_bits, show_clone, show_futex, show_open};
    use lazaret_abi::{fcntl, futex, process};

    fn shown(show: impl Fn(u64, &[(u64, &str)], &mut String), value: u64, names: &[(u64, &str)]) -> String {
        let mut out = String::new();
        show(value, names, &mut out);
        out
    }

    #[test]
    fn flags_of_open() {
        let open = |value| shown(show_open, value, fcntl::open::NAMES);
        assert_eq!(open(0), "O_RDONLY");
        assert_eq!(open(0o2000101), "O_WRONLY|O_CREAT|O_CLOEXEC");
        assert_eq!(open(0o4010000), "O_RDONLY|O_SYNC");
        assert_eq!(open(1 << 31), "O_RDONLY|0x80000000");
    }

    #[test]
    fn flags_of_clone() {
        let clone = |value| shown(show_clone, value, process::clone::NAMES);
        assert_eq!(clone(17), "SIGCHLD");
        assert_eq!(clone(0x100 | 0x4000 | 17), "CLONE_VM|CLONE_VFORK|SIGCHLD");
        assert_eq!(clone(0), "0");
    }

    #[test]
    fn operations_of_futex() {
        assert_eq!(shown(show_futex, 128, futex::op::NAMES), "FUTEX_WAIT_PRIVATE");
        assert_eq!(shown(show_bits, 0, futex::op::NAMES), "0");
    }
}
