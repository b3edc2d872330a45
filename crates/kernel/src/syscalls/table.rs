//! All system calls of x86_64, one line each.
//!
//! ```text
//! number name(argument: type, ...) = family::handler -> type of result, "note for the documentation";
//! ```
//!
//! The handler is a function of the module `family` with the table's arguments, each as the
//! [`Value`](super::arg::Arg::Value) of its type, after `&mut Current`. Instead of `=` stands `todo`
//! where the handler is not written yet, and `absent` without a handler where none is meant to be;
//! both answer ENOSYS. The type of the result matters to strace output alone.
//!
//! Numbers, names and arguments are those of `arch/x86/entry/syscalls/syscall_64.tbl`.

use lazaret_abi::{
    capability::{CapData, CapHeader},
    epoll::{EpollEvent, SigsetArgument},
    fcntl::OpenHow,
    futex::{FutexWaitv, RobustListHead},
    id::{Fd, Gid, Pid, Uid},
    mount::MountAttr,
    mqueue::MqAttr,
    process::CloneArgs,
    resource::{RLimit, RUsage},
    sched::{SchedAttr, SchedParam},
    signal::{SigAction, SigAltStack, SigEvent, SigInfo, SigSet},
    socket::{MMsgHdr, MsgHdr},
    stat::{Stat, StatFs, Statx},
    system::{SysInfo, UtsName},
    time::{ITimerSpec, ITimerVal, Timespec, Timeval, Timex, Timezone, Tms, UTimBuf},
};

use super::{
    arg::{
        AccessFlags, AccessMode, Addr, Advice, ArchCode, AtFlags, Clock, CloneFlags, CloseRangeFlags, DirFd, DupFlags,
        EpollFlags, EpollOperation, EventfdFlags, FallocateMode, Family, FcntlCommand, FileAdvice, FileMode,
        FlockOperation, FutexFlags, FutexOperation, Hex, Hex32, In, InBuf, InIov, InOut, InotifyFlags, InotifyMask,
        IntervalTimer, IoctlRequest, LockAllFlags, LockFlags, MapFlags, MaskHow, MembarrierCommand, MemfdFlags,
        MessageFlags, MountFlags, MsyncFlags, Octal, OpenFlags, OpenMode, Out, OutBuf, OutIov, Path, PidfdFlags,
        PidfdSignalFlags, PipeFlags, Policy, PollFds, PrctlOption, PriorityTarget, Prot, Ptr, RandomFlags, RemapFlags,
        RenameFlags, Resource, RwFlags, ShutdownHow, SignalNumber, SignalfdFlags, SockAddr, SockAddrOut, SocketFlags,
        SocketLevel, SocketType, SpliceFlags, StatxMask, Str, StrArray, SyncRangeFlags, SyslogAction, TimerFlags,
        TimerfdFlags, TimerfdSetFlags, UmountFlags, UnlinkFlags, UnshareFlags, UsageTarget, WaitId, WaitOptions,
        Whence, XattrFlags,
    },
    expand::syscalls,
};

syscalls! {
    0 read(fd: Fd, buf: OutBuf, count: usize) = io::read;
    1 write(fd: Fd, buf: InBuf, count: usize) = io::write;
    2 open(path: Path, flags: OpenFlags, mode: OpenMode) = open::open;
    3 close(fd: Fd) = open::close;
    4 stat(path: Path, buf: Out<Stat>) = stat::stat;
    5 fstat(fd: Fd, buf: Out<Stat>) = stat::fstat;
    6 lstat(path: Path, buf: Out<Stat>) = stat::lstat;
    7 poll(fds: PollFds, count: u32, timeout: i32) = poll::poll;
    8 lseek(fd: Fd, offset: i64, whence: Whence) = io::lseek;
    9 mmap(addr: Addr, length: usize, prot: Prot, flags: MapFlags, fd: Fd, offset: Hex) = memory::mmap -> Addr;
    10 mprotect(addr: Addr, length: usize, prot: Prot) = memory::mprotect;
    11 munmap(addr: Addr, length: usize) = memory::munmap;
    12 brk(addr: Addr) = memory::brk -> Addr;
    13 rt_sigaction(signal: SignalNumber, new: In<SigAction>, old: Out<SigAction>, size: usize) = signal::rt_sigaction;
    14 rt_sigprocmask(how: MaskHow, new: In<SigSet>, old: Out<SigSet>, size: usize) = signal::rt_sigprocmask;
    15 rt_sigreturn() = signal::rt_sigreturn;
    16 ioctl(fd: Fd, request: IoctlRequest, argument: Hex) = ioctl::ioctl;
    17 pread64(fd: Fd, buf: OutBuf, count: usize, offset: i64) = io::pread64;
    18 pwrite64(fd: Fd, buf: InBuf, count: usize, offset: i64) = io::pwrite64;
    19 readv(fd: Fd, iov: OutIov, count: usize) = io::readv;
    20 writev(fd: Fd, iov: InIov, count: usize) = io::writev;
    21 access(path: Path, mode: AccessMode) = path::access;
    22 pipe(fds: Out<[i32; 2]>) = pipe::pipe;
    23 select(count: i32, read: Addr, write: Addr, except: Addr, timeout: InOut<Timeval>) = poll::select;
    24 sched_yield() = sched::sched_yield;
    25 mremap(old: Addr, old_size: usize, new_size: usize, flags: RemapFlags, new: Addr) = memory::mremap -> Addr;
    26 msync(addr: Addr, length: usize, flags: MsyncFlags) = memory::msync;
    27 mincore(addr: Addr, length: usize, vec: Addr) = memory::mincore;
    28 madvise(addr: Addr, length: usize, advice: Advice) = memory::madvise;
    29 shmget(key: i32, size: usize, flags: Octal) = ipc::shmget;
    30 shmat(id: i32, addr: Addr, flags: Octal) = ipc::shmat -> Addr;
    31 shmctl(id: i32, command: i32, buf: Addr) = ipc::shmctl;
    32 dup(fd: Fd) = fcntl::dup;
    33 dup2(old: Fd, new: Fd) = fcntl::dup2;
    34 pause() = signal::pause;
    35 nanosleep(duration: In<Timespec>, remaining: Out<Timespec>) = time::nanosleep;
    36 getitimer(which: IntervalTimer, value: Out<ITimerVal>) = timer::getitimer;
    37 alarm(seconds: u32) = timer::alarm;
    38 setitimer(which: IntervalTimer, new: In<ITimerVal>, old: Out<ITimerVal>) = timer::setitimer;
    39 getpid() = identity::getpid;
    40 sendfile(output: Fd, input: Fd, offset: InOut<i64>, count: usize) = io::sendfile;
    41 socket(family: Family, kind: SocketType, protocol: u32) = socket::socket;
    42 connect(fd: Fd, addr: SockAddr, length: u32) = socket::connect;
    43 accept(fd: Fd, addr: SockAddrOut, length: Out<u32>) = socket::accept;
    44 sendto(fd: Fd, buf: InBuf, count: usize, flags: MessageFlags, addr: SockAddr, length: u32) = socket::sendto;
    45 recvfrom(fd: Fd, buf: OutBuf, count: usize, flags: MessageFlags, addr: SockAddrOut, length: Out<u32>)
        = socket::recvfrom;
    46 sendmsg(fd: Fd, message: Ptr<MsgHdr>, flags: MessageFlags) = socket::sendmsg;
    47 recvmsg(fd: Fd, message: Ptr<MsgHdr>, flags: MessageFlags) = socket::recvmsg;
    48 shutdown(fd: Fd, how: ShutdownHow) = socket::shutdown;
    49 bind(fd: Fd, addr: SockAddr, length: u32) = socket::bind;
    50 listen(fd: Fd, backlog: i32) = socket::listen;
    51 getsockname(fd: Fd, addr: SockAddrOut, length: Out<u32>) = socket::getsockname;
    52 getpeername(fd: Fd, addr: SockAddrOut, length: Out<u32>) = socket::getpeername;
    53 socketpair(family: Family, kind: SocketType, protocol: u32, fds: Out<[i32; 2]>) = socket::socketpair;
    54 setsockopt(fd: Fd, level: SocketLevel, option: u32, value: Addr, length: u32) = socket::setsockopt;
    55 getsockopt(fd: Fd, level: SocketLevel, option: u32, value: Addr, length: Out<u32>) = socket::getsockopt;
    56 clone(flags: CloneFlags, stack: Addr, parent_tid: Ptr<i32>, child_tid: Ptr<i32>, tls: Hex) = process::clone;
    57 fork() = process::fork;
    58 vfork() = process::vfork;
    59 execve(path: Path, argv: StrArray, envp: Addr) = process::execve;
    60 exit(status: i32) = process::exit;
    61 wait4(pid: Pid, status: Out<i32>, options: WaitOptions, usage: Out<RUsage>) = process::wait4;
    62 kill(pid: Pid, signal: SignalNumber) = signal::kill;
    63 uname(buf: Ptr<UtsName>) = system::uname;
    64 semget(key: i32, count: i32, flags: Octal) = ipc::semget;
    65 semop(id: i32, operations: Addr, count: usize) = ipc::semop;
    66 semctl(id: i32, index: i32, command: i32, argument: Hex) = ipc::semctl;
    67 shmdt(addr: Addr) = ipc::shmdt;
    68 msgget(key: i32, flags: Octal) = ipc::msgget;
    69 msgsnd(id: i32, message: Addr, size: usize, flags: Octal) = ipc::msgsnd;
    70 msgrcv(id: i32, message: Addr, size: usize, kind: i64, flags: Octal) = ipc::msgrcv;
    71 msgctl(id: i32, command: i32, buf: Addr) = ipc::msgctl;
    72 fcntl(fd: Fd, command: FcntlCommand, argument: Hex) = fcntl::fcntl;
    73 flock(fd: Fd, operation: FlockOperation) = lock::flock;
    74 fsync(fd: Fd) = io::fsync;
    75 fdatasync(fd: Fd) = io::fdatasync;
    76 truncate(path: Path, length: i64) = attr::truncate;
    77 ftruncate(fd: Fd, length: i64) = attr::ftruncate;
    78 getdents(fd: Fd, entries: Addr, count: u32) = dir::getdents;
    79 getcwd(buf: Addr, size: usize) = dir::getcwd;
    80 chdir(path: Path) = dir::chdir;
    81 fchdir(fd: Fd) = dir::fchdir;
    82 rename(old: Path, new: Path) = path::rename;
    83 mkdir(path: Path, mode: Octal) = path::mkdir;
    84 rmdir(path: Path) = path::rmdir;
    85 creat(path: Path, mode: Octal) = open::creat;
    86 link(old: Path, new: Path) = path::link;
    87 unlink(path: Path) = path::unlink;
    88 symlink(target: Path, path: Path) = path::symlink;
    89 readlink(path: Path, buf: OutBuf, size: i32) = path::readlink;
    90 chmod(path: Path, mode: Octal) = attr::chmod;
    91 fchmod(fd: Fd, mode: Octal) = attr::fchmod;
    92 chown(path: Path, owner: Uid, group: Gid) = attr::chown;
    93 fchown(fd: Fd, owner: Uid, group: Gid) = attr::fchown;
    94 lchown(path: Path, owner: Uid, group: Gid) = attr::lchown;
    95 umask(mask: Octal) = attr::umask -> Octal;
    96 gettimeofday(time: Out<Timeval>, zone: Ptr<Timezone>) = time::gettimeofday;
    97 getrlimit(resource: Resource, limit: Out<RLimit>) = rlimit::getrlimit;
    98 getrusage(who: UsageTarget, usage: Out<RUsage>) = rlimit::getrusage;
    99 sysinfo(info: Ptr<SysInfo>) = system::sysinfo;
    100 times(times: Ptr<Tms>) = time::times;
    101 ptrace(request: i64, pid: Pid, addr: Addr, data: Addr) todo process::ptrace;
    102 getuid() = cred::getuid;
    103 syslog(action: SyslogAction, buf: Addr, length: i32) = system::syslog;
    104 getgid() = cred::getgid;
    105 setuid(uid: Uid) = cred::setuid;
    106 setgid(gid: Gid) = cred::setgid;
    107 geteuid() = cred::geteuid;
    108 getegid() = cred::getegid;
    109 setpgid(pid: Pid, group: Pid) = identity::setpgid;
    110 getppid() = identity::getppid;
    111 getpgrp() = identity::getpgrp;
    112 setsid() = identity::setsid;
    113 setreuid(real: Uid, effective: Uid) = cred::setreuid;
    114 setregid(real: Gid, effective: Gid) = cred::setregid;
    115 getgroups(size: i32, list: Ptr<u32>) = cred::getgroups;
    116 setgroups(size: i32, list: Ptr<u32>) = cred::setgroups;
    117 setresuid(real: Uid, effective: Uid, saved: Uid) = cred::setresuid;
    118 getresuid(real: Out<u32>, effective: Out<u32>, saved: Out<u32>) = cred::getresuid;
    119 setresgid(real: Gid, effective: Gid, saved: Gid) = cred::setresgid;
    120 getresgid(real: Out<u32>, effective: Out<u32>, saved: Out<u32>) = cred::getresgid;
    121 getpgid(pid: Pid) = identity::getpgid;
    122 setfsuid(uid: Uid) = cred::setfsuid;
    123 setfsgid(gid: Gid) = cred::setfsgid;
    124 getsid(pid: Pid) = identity::getsid;
    125 capget(header: Ptr<CapHeader>, data: Ptr<CapData>) = cred::capget;
    126 capset(header: Ptr<CapHeader>, data: Ptr<CapData>) = cred::capset;
    127 rt_sigpending(set: Out<SigSet>, size: usize) = signal::rt_sigpending;
    128 rt_sigtimedwait(set: In<SigSet>, info: Out<SigInfo>, timeout: In<Timespec>, size: usize)
        = signal::rt_sigtimedwait;
    129 rt_sigqueueinfo(pid: Pid, signal: SignalNumber, info: In<SigInfo>) = signal::rt_sigqueueinfo;
    130 rt_sigsuspend(mask: In<SigSet>, size: usize) = signal::rt_sigsuspend;
    131 sigaltstack(new: In<SigAltStack>, old: Out<SigAltStack>) = signal::sigaltstack;
    132 utime(path: Path, times: Ptr<UTimBuf>) = attr::utime;
    133 mknod(path: Path, mode: FileMode, device: u32) = path::mknod;
    134 uselib(library: Path) absent;
    135 personality(persona: Hex32) = process::personality;
    136 ustat(device: u32, buf: Addr) = misc::ustat;
    137 statfs(path: Path, buf: Out<StatFs>) = stat::statfs;
    138 fstatfs(fd: Fd, buf: Out<StatFs>) = stat::fstatfs;
    139 sysfs(option: i32, first: Hex, second: Hex) absent;
    140 getpriority(which: PriorityTarget, who: i32) = priority::getpriority;
    141 setpriority(which: PriorityTarget, who: i32, nice: i32)
        = priority::setpriority, "kept and shown; the host places the threads";
    142 sched_setparam(pid: Pid, param: Ptr<SchedParam>)
        = sched::sched_setparam, "kept and shown; the host places the threads";
    143 sched_getparam(pid: Pid, param: Ptr<SchedParam>) = sched::sched_getparam;
    144 sched_setscheduler(pid: Pid, policy: Policy, param: Ptr<SchedParam>)
        = sched::sched_setscheduler, "kept and shown; the host places the threads";
    145 sched_getscheduler(pid: Pid) = sched::sched_getscheduler;
    146 sched_get_priority_max(policy: Policy) = sched::sched_get_priority_max;
    147 sched_get_priority_min(policy: Policy) = sched::sched_get_priority_min;
    148 sched_rr_get_interval(pid: Pid, interval: Out<Timespec>) = sched::sched_rr_get_interval;
    149 mlock(addr: Addr, length: usize) = memory::mlock;
    150 munlock(addr: Addr, length: usize) = memory::munlock;
    151 mlockall(flags: LockAllFlags) = memory::mlockall;
    152 munlockall() = memory::munlockall;
    153 vhangup() = misc::vhangup;
    154 modify_ldt(function: i32, data: Addr, size: usize) absent;
    155 pivot_root(new: Path, old: Path) = mount::pivot_root;
    156 _sysctl(arguments: Addr) absent;
    157 prctl(option: PrctlOption, arg2: Hex, arg3: Hex, arg4: Hex, arg5: Hex) = prctl::prctl;
    158 arch_prctl(code: ArchCode, addr: Hex) = arch::arch_prctl;
    159 adjtimex(buf: Ptr<Timex>) = time::adjtimex;
    160 setrlimit(resource: Resource, limit: In<RLimit>) = rlimit::setrlimit;
    161 chroot(path: Path) = dir::chroot;
    162 sync() = io::sync;
    163 acct(path: Path) = misc::acct;
    164 settimeofday(time: In<Timeval>, zone: Ptr<Timezone>) = time::settimeofday;
    165 mount(source: Path, target: Path, kind: Str, flags: MountFlags, data: Addr) = mount::mount;
    166 umount2(target: Path, flags: UmountFlags) = mount::umount2;
    167 swapon(path: Path, flags: Hex32) = misc::swapon;
    168 swapoff(path: Path) = misc::swapoff;
    169 reboot(magic: Hex32, magic2: Hex32, command: Hex32, argument: Addr) = misc::reboot;
    170 sethostname(name: Addr, length: i32) = system::sethostname;
    171 setdomainname(name: Addr, length: i32) = system::setdomainname;
    172 iopl(level: u32) = misc::iopl;
    173 ioperm(from: u64, count: u64, on: i32) = misc::ioperm;
    174 create_module() absent;
    175 init_module(image: Addr, length: usize, parameters: Str) = misc::init_module;
    176 delete_module(name: Str, flags: OpenFlags) = misc::delete_module;
    177 get_kernel_syms() absent;
    178 query_module() absent;
    179 quotactl(command: Hex32, device: Path, id: i32, addr: Addr) absent;
    180 nfsservctl() absent;
    181 getpmsg() absent;
    182 putpmsg() absent;
    183 afs_syscall() absent;
    184 tuxcall() absent;
    185 security() absent;
    186 gettid() = identity::gettid;
    187 readahead(fd: Fd, offset: i64, count: usize) = io::readahead;
    188 setxattr(path: Path, name: Str, value: Addr, size: usize, flags: XattrFlags) = xattr::setxattr;
    189 lsetxattr(path: Path, name: Str, value: Addr, size: usize, flags: XattrFlags) = xattr::lsetxattr;
    190 fsetxattr(fd: Fd, name: Str, value: Addr, size: usize, flags: XattrFlags) = xattr::fsetxattr;
    191 getxattr(path: Path, name: Str, value: OutBuf, size: usize) = xattr::getxattr;
    192 lgetxattr(path: Path, name: Str, value: OutBuf, size: usize) = xattr::lgetxattr;
    193 fgetxattr(fd: Fd, name: Str, value: OutBuf, size: usize) = xattr::fgetxattr;
    194 listxattr(path: Path, list: OutBuf, size: usize) = xattr::listxattr;
    195 llistxattr(path: Path, list: OutBuf, size: usize) = xattr::llistxattr;
    196 flistxattr(fd: Fd, list: OutBuf, size: usize) = xattr::flistxattr;
    197 removexattr(path: Path, name: Str) = xattr::removexattr;
    198 lremovexattr(path: Path, name: Str) = xattr::lremovexattr;
    199 fremovexattr(fd: Fd, name: Str) = xattr::fremovexattr;
    200 tkill(tid: Pid, signal: SignalNumber) = signal::tkill;
    201 time(time: Out<i64>) = time::time;
    202 futex(word: Ptr<u32>, operation: FutexOperation, value: u32, timeout: Hex, word2: Ptr<u32>, value3: Hex32)
        = futex::futex;
    203 sched_setaffinity(pid: Pid, size: u32, mask: Addr)
        = sched::sched_setaffinity, "kept and shown; the host places the threads";
    204 sched_getaffinity(pid: Pid, size: u32, mask: Addr) = sched::sched_getaffinity;
    205 set_thread_area(descriptor: Addr) absent;
    206 io_setup(count: u32, context: Addr) absent;
    207 io_destroy(context: Hex) absent;
    208 io_getevents(context: Hex, least: i64, most: i64, events: Addr, timeout: In<Timespec>) absent;
    209 io_submit(context: Hex, count: i64, controls: Addr) absent;
    210 io_cancel(context: Hex, control: Addr, result: Addr) absent;
    211 get_thread_area(descriptor: Addr) absent;
    212 lookup_dcookie() absent;
    213 epoll_create(size: i32) = epoll::epoll_create;
    214 epoll_ctl_old() absent;
    215 epoll_wait_old() absent;
    216 remap_file_pages(addr: Addr, size: usize, prot: Prot, page: usize, flags: MapFlags) absent;
    217 getdents64(fd: Fd, entries: Addr, count: u32) = dir::getdents64;
    218 set_tid_address(address: Ptr<i32>) = process::set_tid_address;
    219 restart_syscall() = signal::restart_syscall;
    220 semtimedop(id: i32, operations: Addr, count: usize, timeout: In<Timespec>) = ipc::semtimedop;
    221 fadvise64(fd: Fd, offset: i64, length: i64, advice: FileAdvice) = io::fadvise64;
    222 timer_create(clock: Clock, event: Ptr<SigEvent>, id: Out<i32>) = timer::timer_create;
    223 timer_settime(id: i32, flags: TimerFlags, new: In<ITimerSpec>, old: Out<ITimerSpec>) = timer::timer_settime;
    224 timer_gettime(id: i32, value: Out<ITimerSpec>) = timer::timer_gettime;
    225 timer_getoverrun(id: i32) = timer::timer_getoverrun;
    226 timer_delete(id: i32) = timer::timer_delete;
    227 clock_settime(clock: Clock, time: In<Timespec>) = time::clock_settime;
    228 clock_gettime(clock: Clock, time: Out<Timespec>) = time::clock_gettime;
    229 clock_getres(clock: Clock, resolution: Out<Timespec>) = time::clock_getres;
    230 clock_nanosleep(clock: Clock, flags: TimerFlags, request: In<Timespec>, remaining: Out<Timespec>)
        = time::clock_nanosleep;
    231 exit_group(status: i32) = process::exit_group;
    232 epoll_wait(epoll: Fd, events: Addr, count: i32, timeout: i32) = epoll::epoll_wait;
    233 epoll_ctl(epoll: Fd, operation: EpollOperation, fd: Fd, event: In<EpollEvent>) = epoll::epoll_ctl;
    234 tgkill(group: Pid, tid: Pid, signal: SignalNumber) = signal::tgkill;
    235 utimes(path: Path, times: In<[Timeval; 2]>) = attr::utimes;
    236 vserver() absent;
    237 mbind(addr: Addr, length: usize, mode: i32, nodes: Addr, most: usize, flags: Hex32)
        absent, "there is one memory node";
    238 set_mempolicy(mode: i32, nodes: Addr, most: usize) absent, "there is one memory node";
    239 get_mempolicy(mode: Ptr<i32>, nodes: Addr, most: usize, addr: Addr, flags: Hex)
        absent, "there is one memory node";
    240 mq_open(name: Str, flags: OpenFlags, mode: Octal, attributes: Ptr<MqAttr>) = mqueue::mq_open;
    241 mq_unlink(name: Str) = mqueue::mq_unlink;
    242 mq_timedsend(queue: Fd, message: InBuf, length: usize, priority: u32, timeout: In<Timespec>)
        = mqueue::mq_timedsend;
    243 mq_timedreceive(queue: Fd, message: OutBuf, length: usize, priority: Out<u32>, timeout: In<Timespec>)
        = mqueue::mq_timedreceive;
    244 mq_notify(queue: Fd, event: Ptr<SigEvent>) = mqueue::mq_notify;
    245 mq_getsetattr(queue: Fd, new: Ptr<MqAttr>, old: Ptr<MqAttr>) = mqueue::mq_getsetattr;
    246 kexec_load(entry: Addr, count: usize, segments: Addr, flags: Hex) = misc::kexec_load;
    247 waitid(kind: WaitId, id: Pid, info: Out<SigInfo>, options: WaitOptions, usage: Out<RUsage>) = process::waitid;
    248 add_key(kind: Str, description: Str, payload: Addr, length: usize, keyring: i32) absent;
    249 request_key(kind: Str, description: Str, information: Str, keyring: i32) absent;
    250 keyctl(operation: i32, arg2: Hex, arg3: Hex, arg4: Hex, arg5: Hex) absent;
    251 ioprio_set(which: u32, who: i32, priority: Hex32)
        = priority::ioprio_set, "kept and shown; the host places the threads";
    252 ioprio_get(which: u32, who: i32) = priority::ioprio_get;
    253 inotify_init() = inotify::inotify_init;
    254 inotify_add_watch(fd: Fd, path: Path, mask: InotifyMask) = inotify::inotify_add_watch;
    255 inotify_rm_watch(fd: Fd, watch: i32) = inotify::inotify_rm_watch;
    256 migrate_pages(pid: Pid, most: usize, from: Addr, to: Addr) absent;
    257 openat(dir: DirFd, path: Path, flags: OpenFlags, mode: OpenMode) = open::openat;
    258 mkdirat(dir: DirFd, path: Path, mode: Octal) = path::mkdirat;
    259 mknodat(dir: DirFd, path: Path, mode: FileMode, device: u32) = path::mknodat;
    260 fchownat(dir: DirFd, path: Path, owner: Uid, group: Gid, flags: AtFlags) = attr::fchownat;
    261 futimesat(dir: DirFd, path: Path, times: In<[Timeval; 2]>) = attr::futimesat;
    262 newfstatat(dir: DirFd, path: Path, buf: Out<Stat>, flags: AtFlags) = stat::newfstatat;
    263 unlinkat(dir: DirFd, path: Path, flags: UnlinkFlags) = path::unlinkat;
    264 renameat(old_dir: DirFd, old: Path, new_dir: DirFd, new: Path) = path::renameat;
    265 linkat(old_dir: DirFd, old: Path, new_dir: DirFd, new: Path, flags: AtFlags) = path::linkat;
    266 symlinkat(target: Path, dir: DirFd, path: Path) = path::symlinkat;
    267 readlinkat(dir: DirFd, path: Path, buf: OutBuf, size: i32) = path::readlinkat;
    268 fchmodat(dir: DirFd, path: Path, mode: Octal) = attr::fchmodat;
    269 faccessat(dir: DirFd, path: Path, mode: AccessMode) = path::faccessat;
    270 pselect6(count: i32, read: Addr, write: Addr, except: Addr, timeout: InOut<Timespec>, mask: Ptr<SigsetArgument>)
        = poll::pselect6;
    271 ppoll(fds: PollFds, count: u32, timeout: InOut<Timespec>, mask: In<SigSet>, size: usize) = poll::ppoll;
    272 unshare(flags: UnshareFlags) = namespace::unshare;
    273 set_robust_list(head: Ptr<RobustListHead>, size: usize) = futex::set_robust_list;
    274 get_robust_list(pid: Pid, head: Ptr<u64>, size: Ptr<u64>) = futex::get_robust_list;
    275 splice(input: Fd, input_offset: InOut<i64>, output: Fd, output_offset: InOut<i64>, count: usize, flags: SpliceFlags)
        = pipe::splice;
    276 tee(input: Fd, output: Fd, count: usize, flags: SpliceFlags) = pipe::tee;
    277 sync_file_range(fd: Fd, offset: i64, count: i64, flags: SyncRangeFlags) = io::sync_file_range;
    278 vmsplice(fd: Fd, iov: InIov, count: usize, flags: SpliceFlags) = pipe::vmsplice;
    279 move_pages(pid: Pid, count: usize, pages: Addr, nodes: Addr, status: Addr, flags: Hex32) absent;
    280 utimensat(dir: DirFd, path: Path, times: In<[Timespec; 2]>, flags: AtFlags) = attr::utimensat;
    281 epoll_pwait(epoll: Fd, events: Addr, count: i32, timeout: i32, mask: In<SigSet>, size: usize)
        = epoll::epoll_pwait;
    282 signalfd(fd: Fd, mask: In<SigSet>, size: usize) = signalfd::signalfd;
    283 timerfd_create(clock: Clock, flags: TimerfdFlags) = timerfd::timerfd_create;
    284 eventfd(value: u32) = eventfd::eventfd;
    285 fallocate(fd: Fd, mode: FallocateMode, offset: i64, length: i64) = io::fallocate;
    286 timerfd_settime(fd: Fd, flags: TimerfdSetFlags, new: In<ITimerSpec>, old: Out<ITimerSpec>)
        = timerfd::timerfd_settime;
    287 timerfd_gettime(fd: Fd, value: Out<ITimerSpec>) = timerfd::timerfd_gettime;
    288 accept4(fd: Fd, addr: SockAddrOut, length: Out<u32>, flags: SocketFlags) = socket::accept4;
    289 signalfd4(fd: Fd, mask: In<SigSet>, size: usize, flags: SignalfdFlags) = signalfd::signalfd4;
    290 eventfd2(value: u32, flags: EventfdFlags) = eventfd::eventfd2;
    291 epoll_create1(flags: EpollFlags) = epoll::epoll_create1;
    292 dup3(old: Fd, new: Fd, flags: DupFlags) = fcntl::dup3;
    293 pipe2(fds: Out<[i32; 2]>, flags: PipeFlags) = pipe::pipe2;
    294 inotify_init1(flags: InotifyFlags) = inotify::inotify_init1;
    295 preadv(fd: Fd, iov: OutIov, count: usize, low: i64, high: u64) = io::preadv;
    296 pwritev(fd: Fd, iov: InIov, count: usize, low: i64, high: u64) = io::pwritev;
    297 rt_tgsigqueueinfo(group: Pid, tid: Pid, signal: SignalNumber, info: In<SigInfo>) = signal::rt_tgsigqueueinfo;
    298 perf_event_open(attributes: Addr, pid: Pid, cpu: i32, group: Fd, flags: Hex) absent;
    299 recvmmsg(fd: Fd, messages: Ptr<MMsgHdr>, count: u32, flags: MessageFlags, timeout: In<Timespec>)
        = socket::recvmmsg;
    300 fanotify_init(flags: Hex32, event_flags: OpenFlags) absent;
    301 fanotify_mark(fd: Fd, flags: Hex32, mask: Hex, dir: DirFd, path: Path) absent;
    302 prlimit64(pid: Pid, resource: Resource, new: In<RLimit>, old: Out<RLimit>) = rlimit::prlimit64;
    303 name_to_handle_at(dir: DirFd, path: Path, handle: Addr, mount: Ptr<i32>, flags: AtFlags)
        = path::name_to_handle_at;
    304 open_by_handle_at(mount: Fd, handle: Addr, flags: OpenFlags) = path::open_by_handle_at;
    305 clock_adjtime(clock: Clock, buf: Ptr<Timex>) = time::clock_adjtime;
    306 syncfs(fd: Fd) = io::syncfs;
    307 sendmmsg(fd: Fd, messages: Ptr<MMsgHdr>, count: u32, flags: MessageFlags) = socket::sendmmsg;
    308 setns(fd: Fd, kind: UnshareFlags) = namespace::setns;
    309 getcpu(cpu: Out<u32>, node: Out<u32>) = sched::getcpu;
    310 process_vm_readv(pid: Pid, local: Addr, local_count: usize, remote: Addr, remote_count: usize, flags: Hex)
        = inspect::process_vm_readv;
    311 process_vm_writev(pid: Pid, local: Addr, local_count: usize, remote: Addr, remote_count: usize, flags: Hex)
        = inspect::process_vm_writev;
    312 kcmp(pid1: Pid, pid2: Pid, kind: i32, index1: Hex, index2: Hex) = inspect::kcmp;
    313 finit_module(fd: Fd, parameters: Str, flags: Hex32) = misc::finit_module;
    314 sched_setattr(pid: Pid, attributes: Ptr<SchedAttr>, flags: Hex32)
        = sched::sched_setattr, "kept and shown; the host places the threads";
    315 sched_getattr(pid: Pid, attributes: Ptr<SchedAttr>, size: u32, flags: Hex32) = sched::sched_getattr;
    316 renameat2(old_dir: DirFd, old: Path, new_dir: DirFd, new: Path, flags: RenameFlags) = path::renameat2;
    317 seccomp(operation: u32, flags: Hex32, argument: Addr) = seccomp::seccomp, "no notification listeners";
    318 getrandom(buf: OutBuf, count: usize, flags: RandomFlags) = system::getrandom;
    319 memfd_create(name: Str, flags: MemfdFlags) = open::memfd_create;
    320 kexec_file_load(kernel: Fd, initrd: Fd, length: usize, command_line: Str, flags: Hex) = misc::kexec_file_load;
    321 bpf(command: i32, attributes: Addr, size: u32) absent;
    322 execveat(dir: DirFd, path: Path, argv: StrArray, envp: Addr, flags: AtFlags) = process::execveat;
    323 userfaultfd(flags: OpenFlags) absent;
    324 membarrier(command: MembarrierCommand, flags: Hex32, cpu: i32)
        = membarrier::membarrier, "no SYNC_CORE and RSEQ barriers";
    325 mlock2(addr: Addr, length: usize, flags: LockFlags) = memory::mlock2;
    326 copy_file_range(
        input: Fd, input_offset: InOut<i64>, output: Fd, output_offset: InOut<i64>, count: usize, flags: Hex32
    ) = io::copy_file_range;
    327 preadv2(fd: Fd, iov: OutIov, count: usize, low: i64, high: u64, flags: RwFlags) = io::preadv2;
    328 pwritev2(fd: Fd, iov: InIov, count: usize, low: i64, high: u64, flags: RwFlags) = io::pwritev2;
    329 pkey_mprotect(addr: Addr, length: usize, prot: Prot, key: i32) = memory::pkey_mprotect;
    330 pkey_alloc(flags: Hex32, rights: Hex) = memory::pkey_alloc;
    331 pkey_free(key: i32) = memory::pkey_free;
    332 statx(dir: DirFd, path: Path, flags: AtFlags, mask: StatxMask, buf: Out<Statx>) = stat::statx;
    333 io_pgetevents(context: Hex, least: i64, most: i64, events: Addr, timeout: In<Timespec>, mask: Addr) absent;
    334 rseq(area: Addr, length: u32, flags: Hex32, signature: Hex32) absent;
    335 uretprobe() absent;
    336 uprobe() absent;
    424 pidfd_send_signal(pidfd: Fd, signal: SignalNumber, info: In<SigInfo>, flags: PidfdSignalFlags)
        = pidfd::pidfd_send_signal;
    425 io_uring_setup(entries: u32, parameters: Addr) absent;
    426 io_uring_enter(fd: Fd, submit: u32, complete: u32, flags: Hex32, argument: Addr, size: usize) absent;
    427 io_uring_register(fd: Fd, operation: u32, argument: Addr, count: u32) absent;
    428 open_tree(dir: DirFd, path: Path, flags: Hex32) = mount::open_tree;
    429 move_mount(from: DirFd, from_path: Path, to: DirFd, to_path: Path, flags: Hex32) = mount::move_mount;
    430 fsopen(name: Str, flags: Hex32) = mount::fsopen;
    431 fsconfig(fd: Fd, command: u32, key: Str, value: Addr, auxiliary: i32) = mount::fsconfig;
    432 fsmount(fd: Fd, flags: Hex32, attributes: Hex32) = mount::fsmount;
    433 fspick(dir: DirFd, path: Path, flags: Hex32) = mount::fspick;
    434 pidfd_open(pid: Pid, flags: PidfdFlags) = pidfd::pidfd_open;
    435 clone3(args: In<CloneArgs>, size: usize) = process::clone3;
    436 close_range(first: u32, last: u32, flags: CloseRangeFlags) = open::close_range;
    437 openat2(dir: DirFd, path: Path, how: In<OpenHow>, size: usize) = open::openat2;
    438 pidfd_getfd(pidfd: Fd, target: Fd, flags: Hex32) = pidfd::pidfd_getfd;
    439 faccessat2(dir: DirFd, path: Path, mode: AccessMode, flags: AccessFlags) = path::faccessat2;
    440 process_madvise(pidfd: Fd, iov: InIov, count: usize, advice: Advice, flags: Hex32) todo memory::process_madvise;
    441 epoll_pwait2(epoll: Fd, events: Addr, count: i32, timeout: In<Timespec>, mask: In<SigSet>, size: usize)
        = epoll::epoll_pwait2;
    442 mount_setattr(dir: DirFd, path: Path, flags: AtFlags, attributes: Ptr<MountAttr>, size: usize)
        = mount::mount_setattr;
    443 quotactl_fd(fd: Fd, command: Hex32, id: i32, addr: Addr) absent;
    444 landlock_create_ruleset(attributes: Addr, size: usize, flags: Hex32) absent;
    445 landlock_add_rule(ruleset: Fd, kind: u32, attributes: Addr, flags: Hex32) absent;
    446 landlock_restrict_self(ruleset: Fd, flags: Hex32) absent;
    447 memfd_secret(flags: MemfdFlags) absent;
    448 process_mrelease(pidfd: Fd, flags: Hex32) = pidfd::process_mrelease;
    449 futex_waitv(waiters: Ptr<FutexWaitv>, count: u32, flags: Hex32, timeout: In<Timespec>, clock: Clock)
        = futex::futex_waitv;
    450 set_mempolicy_home_node(addr: Addr, length: usize, node: usize, flags: Hex) absent;
    451 cachestat(fd: Fd, range: Addr, stat: Addr, flags: Hex32) absent;
    452 fchmodat2(dir: DirFd, path: Path, mode: Octal, flags: AtFlags) = attr::fchmodat2;
    453 map_shadow_stack(addr: Addr, size: usize, flags: Hex32) absent;
    454 futex_wake(word: Ptr<u32>, mask: Hex, count: i32, flags: FutexFlags) = futex::futex_wake;
    455 futex_wait(word: Ptr<u32>, value: u64, mask: Hex, flags: FutexFlags, timeout: In<Timespec>, clock: Clock)
        = futex::futex_wait;
    456 futex_requeue(waiters: Ptr<FutexWaitv>, flags: Hex32, wake: i32, requeue: i32) = futex::futex_requeue;
    457 statmount(request: Addr, buf: Addr, size: usize, flags: Hex32) absent;
    458 listmount(request: Addr, ids: Addr, count: usize, flags: Hex32) absent;
    459 lsm_get_self_attr(attribute: u32, context: Addr, size: Out<u32>, flags: Hex32) absent;
    460 lsm_set_self_attr(attribute: u32, context: Addr, size: u32, flags: Hex32) absent;
    461 lsm_list_modules(ids: Addr, size: Out<u32>, flags: Hex32) absent;
    462 mseal(addr: Addr, length: usize, flags: Hex) = memory::mseal;
    463 setxattrat(dir: DirFd, path: Path, flags: AtFlags, name: Str, arguments: Addr, size: usize) absent;
    464 getxattrat(dir: DirFd, path: Path, flags: AtFlags, name: Str, arguments: Addr, size: usize) absent;
    465 listxattrat(dir: DirFd, path: Path, flags: AtFlags, list: OutBuf, size: usize) absent;
    466 removexattrat(dir: DirFd, path: Path, flags: AtFlags, name: Str) absent;
    467 open_tree_attr(dir: DirFd, path: Path, flags: Hex32, attributes: Ptr<MountAttr>, size: usize) absent;
    468 file_getattr(dir: DirFd, path: Path, attributes: Addr, size: usize, flags: AtFlags) absent;
    469 file_setattr(dir: DirFd, path: Path, attributes: Addr, size: usize, flags: AtFlags) absent;
}
