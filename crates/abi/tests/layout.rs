//! Structures have the size and the offsets that the host's C headers give them.

use std::mem::{offset_of, size_of};

use lazaret_abi::{
    capability, epoll, fcntl, futex, inotify, ipc, process, resource, sched, sigframe, signal, socket, stat, system,
    termios, time,
};

macro_rules! same_size {
    ($($ours:ty = $theirs:ty;)*) => {
        $(assert_eq!(size_of::<$ours>(), size_of::<$theirs>(), stringify!($ours));)*
    };
}

macro_rules! same_offset {
    ($($ours:ty as $theirs:ty { $($our:ident = $their:ident,)* })*) => {
        $($(assert_eq!(
            offset_of!($ours, $our), offset_of!($theirs, $their), concat!(stringify!($ours), ".", stringify!($our))
        );)*)*
    };
}

#[test]
fn sizes() {
    same_size! {
        time::Timespec = libc::timespec;
        time::Timeval = libc::timeval;
        time::ITimerSpec = libc::itimerspec;
        time::ITimerVal = libc::itimerval;
        time::UTimBuf = libc::utimbuf;
        time::Tms = libc::tms;
        time::Timex = libc::timex;
        stat::Stat = libc::stat;
        stat::Statx = libc::statx;
        stat::StatFs = libc::statfs;
        resource::RUsage = libc::rusage;
        resource::RLimit = libc::rlimit64;
        system::SysInfo = libc::sysinfo;
        system::UtsName = libc::utsname;
        signal::SigInfo = libc::siginfo_t;
        signal::SigAltStack = libc::stack_t;
        signal::SigEvent = libc::sigevent;
        signal::SignalfdInfo = libc::signalfd_siginfo;
        epoll::PollFd = libc::pollfd;
        epoll::EpollEvent = libc::epoll_event;
        socket::MsgHdr = libc::msghdr;
        socket::MMsgHdr = libc::mmsghdr;
        socket::CMsgHdr = libc::cmsghdr;
        socket::UCred = libc::ucred;
        socket::Linger = libc::linger;
        socket::SockAddrIn = libc::sockaddr_in;
        socket::SockAddrIn6 = libc::sockaddr_in6;
        socket::SockAddrNl = libc::sockaddr_nl;
        fcntl::IoVec = libc::iovec;
        fcntl::Flock = libc::flock;
        fcntl::OpenHow = libc::open_how;
        inotify::InotifyEvent = libc::inotify_event;
        termios::WinSize = libc::winsize;
        termios::Termios2 = libc::termios2;
        process::CloneArgs = libc::clone_args;
        sched::SchedParam = [i32; 1];
        ipc::IpcPerm = libc::ipc_perm;
        ipc::ShmIdDs = libc::shmid_ds;
        ipc::SemIdDs = libc::semid_ds;
        ipc::MsqIdDs = libc::msqid_ds;
        ipc::SemBuf = libc::sembuf;
        sigframe::UserRegs = libc::user_regs_struct;
        signal::SigAction = linux_raw_sys::general::kernel_sigaction;
        futex::FutexWaitv = linux_raw_sys::general::futex_waitv;
        futex::RobustListHead = linux_raw_sys::general::robust_list_head;
        capability::CapHeader = linux_raw_sys::general::__user_cap_header_struct;
        capability::CapData = linux_raw_sys::general::__user_cap_data_struct;
        termios::Termios = linux_raw_sys::general::termios;
    }
    // libc has the first version.
    assert_eq!(size_of::<sched::SchedAttr>(), 56);
    assert_eq!(size_of::<sigframe::SigContext>(), 256);
    assert_eq!(size_of::<sigframe::UContext>(), 304);
    assert_eq!(size_of::<sigframe::RtSigFrame>(), 440);
    assert_eq!(size_of::<sigframe::FpxSwBytes>(), 48);
    assert_eq!(size_of::<fcntl::Dirent64>(), 19);
}

#[test]
fn offsets() {
    same_offset! {
        stat::Stat as libc::stat {
            nlink = st_nlink, mode = st_mode, rdev = st_rdev, size = st_size, blocks = st_blocks, atime = st_atime,
            ctime = st_ctime,
        }
        stat::Statx as libc::statx {
            nlink = stx_nlink, mode = stx_mode, ino = stx_ino, attributes_mask = stx_attributes_mask,
            btime = stx_btime, mtime = stx_mtime, dev_major = stx_dev_major, mnt_id = stx_mnt_id,
        }
        stat::StatFs as libc::statfs { bavail = f_bavail, fsid = f_fsid, namelen = f_namelen, frsize = f_frsize, }
        resource::RUsage as libc::rusage { max_rss = ru_maxrss, minor_faults = ru_minflt, signals = ru_nsignals, }
        system::SysInfo as libc::sysinfo { processes = procs, total_high = totalhigh, unit = mem_unit, }
        fcntl::Flock as libc::flock { start = l_start, length = l_len, pid = l_pid, }
        socket::MsgHdr as libc::msghdr { iov = msg_iov, control = msg_control, flags = msg_flags, }
        signal::SignalfdInfo as libc::signalfd_siginfo {
            overrun = ssi_overrun, status = ssi_status, value = ssi_ptr, address = ssi_addr,
        }
        time::Timex as libc::timex { status = status, time = time, shift = shift, tai = tai, }
        sched::SchedAttr as libc::sched_attr { nice = sched_nice, runtime = sched_runtime, }
        sigframe::UserRegs as libc::user_regs_struct { orig_rax = orig_rax, rip = rip, fs_base = fs_base, }
        signal::SigAltStack as libc::stack_t { flags = ss_flags, size = ss_size, }
    }
}
