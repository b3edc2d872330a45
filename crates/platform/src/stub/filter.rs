//! The list of host calls: what a stub may ask, which is the sandbox's boundary, and what the
//! platform needs of the sandbox process's own filter.

use lazaret_hostcall::{
    seccomp::{Action, Condition, Filter, Rule, arg},
    seccomp_rules,
};

use super::{
    image,
    patch::TRAMPOLINES_END,
    shared::{CHUNK_FD, CHUNK_SIZE, CLONE_THREAD_FLAGS, CONTEXT_BASE, PRIVATE_FD, STUB_BASE},
};
use crate::layout::APP_MAX;

const MAP_OPTIONS: u64 = (libc::MAP_ANONYMOUS | libc::MAP_FIXED | libc::MAP_NORESERVE | libc::MAP_STACK) as u64;
const PROTECTIONS: u64 = (libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC) as u64;

/// An address that is the application's, or a trampoline's.
const fn application(index: u8) -> Condition {
    arg(index).below(TRAMPOLINES_END)
}

const STUB: &[Rule] = seccomp_rules! {
    SYS_mmap [application(0), arg(2).only(PROTECTIONS), arg(3).bits(!MAP_OPTIONS, libc::MAP_PRIVATE as u64)]
        "private memory changes nothing but the stub's own address space, and limits bound it; of files a stub has \
         only what the kernel gave it to map";
    SYS_mmap [
        arg(0).equal(CONTEXT_BASE),
        arg(1).equal(CHUNK_SIZE),
        arg(2).equal((libc::PROT_READ | libc::PROT_WRITE) as u64),
        arg(3).equal((libc::MAP_SHARED | libc::MAP_FIXED) as u64),
        arg(4).equal(CHUNK_FD as u64),
        arg(5).equal(0),
    ] "a copy's own slots: it was given no other file under that number";
    SYS_mmap => Action::Notify,
        "shared memory is mapped when the kernel ordered exactly this mapping";
    SYS_openat => Action::Notify,
        "asks for the file that the kernel is about to have it map, or for a copy's slots: nothing is opened, the kernel gives a \
         descriptor of its own choice";
    SYS_pread64 [arg(0).equal(PRIVATE_FD as u64), application(1)]
        "of a file that it may map as well, into its own memory";
    SYS_munmap [application(0), arg(1).below(APP_MAX)] "the stub's own address space";
    SYS_mprotect [application(0), arg(1).below(APP_MAX), arg(2).only(PROTECTIONS)] "the stub's own address space";
    SYS_madvise [arg(2).one_of(&[
        libc::MADV_DONTNEED as u32,
        libc::MADV_FREE as u32,
        libc::MADV_HUGEPAGE as u32,
        libc::MADV_NOHUGEPAGE as u32,
        libc::MADV_POPULATE_READ as u32,
        libc::MADV_POPULATE_WRITE as u32,
        libc::MADV_DONTFORK as u32,
    ])] "own pages only; neither merging (a side channel) nor paging out is among them";
    SYS_mremap => Action::Notify, "moves memory when the kernel ordered exactly this move";
    SYS_clone => Action::Notify, "threads and copies are made when the kernel ordered one";
    SYS_futex [arg(1).one_of(&[
        libc::FUTEX_WAIT as u32,
        libc::FUTEX_WAKE as u32,
        (libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG) as u32,
        (libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG) as u32,
    ])] "waiting for commands; the simplest paths of the futex code";
    SYS_close "of its own descriptors, which are those of files that it maps";
    SYS_close_range [arg(0).equal(0), arg(1).equal(u32::MAX as u64), arg(2).equal(2)]
        "the zygote leaves the descriptor table of the sandbox process behind (CLOSE_RANGE_UNSHARE)";
    SYS_sigaltstack "where its own handlers run";
    SYS_rt_sigreturn "loads its own registers";
    SYS_prctl [arg(0).equal(libc::PR_SET_PDEATHSIG as u64), arg(1).equal(libc::SIGKILL as u64)]
        "a stub dies with the sandbox process";
    SYS_arch_prctl [arg(0).one_of(&[0x1001, 0x1002])]
        "ARCH_SET_GS and ARCH_SET_FS, where the processor has no instruction for it";
    SYS_membarrier [arg(0).one_of(&[
        libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE as u32,
        libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE as u32,
    ])] "its own threads see that its code was changed";
    SYS_exit "ends itself";
    SYS_exit_group "ends itself";
};

/// What a stub may ask of the host, each rule harmless by itself; all else traps. The calls that
/// [`Action::Notify`] guards run only when they are, to the last argument, what the kernel ordered.
pub fn rules() -> &'static [Rule] {
    STUB
}

/// The filter of all stubs.
pub(super) fn filter() -> Filter<'static> {
    Filter {
        rules: STUB,
        default: Action::Trap,
        foreign: Action::Trap,
        origin: Some((STUB_BASE..image::header().end, Action::Trap)),
    }
}

const SANDBOX: &[Rule] = seccomp_rules! {
    SYS_futex [arg(1).one_of(&[
        libc::FUTEX_WAIT as u32,
        libc::FUTEX_WAKE as u32,
        (libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG) as u32,
        (libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG) as u32,
        (libc::FUTEX_WAIT_BITSET | libc::FUTEX_PRIVATE_FLAG) as u32,
    ])] "hand-over to and from stubs, and locks";
    SYS_process_vm_readv "application memory";
    SYS_process_vm_writev "application memory";
    SYS_ioctl [arg(1).one_of(&[
        libc::SECCOMP_IOCTL_NOTIF_RECV as u32,
        libc::SECCOMP_IOCTL_NOTIF_SEND as u32,
        libc::SECCOMP_IOCTL_NOTIF_ADDFD as u32,
        libc::SECCOMP_IOCTL_NOTIF_ID_VALID as u32,
    ])] "decides the calls that stubs must ask for";
    SYS_poll "waits for such a call";
    SYS_ppoll "waits for such a call";
    SYS_kill [arg(1).int(libc::SIGKILL)] "ends stubs";
    SYS_tgkill [arg(2).one_of(&[0, libc::SIGUSR2 as u32])] "interrupts threads of stubs, and tests whose they are";
    SYS_waitid "reaps stubs";
    SYS_clock_nanosleep "threads that look whether stubs end, or are needed";
    SYS_openat [arg(2).int(libc::O_RDWR | libc::O_NOFOLLOW | libc::O_CLOEXEC)] "the memory of a stub, below the proc directory it was given";
    SYS_openat [arg(2).int(libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_CLOEXEC)] "that directory itself";
    SYS_getdents64 "which processes there are: copies of stubs that nobody has ordered are ended";
    SYS_newfstatat [arg(0).below(1 << 31)] "how many threads a stub has";
    SYS_pwrite64 "code of stubs";
    SYS_sched_setaffinity "brings the two ends of a hand-over to one processor";
    SYS_sched_getaffinity "which processors there are";
    SYS_memfd_create "context pages";
    SYS_ftruncate "context pages";
    SYS_fallocate "context pages";
    SYS_mmap [arg(2).only((libc::PROT_READ | libc::PROT_WRITE) as u64)] "context pages, heap and thread stacks";
    SYS_munmap "context pages, heap and thread stacks";
    SYS_close "context pages";
};

/// What the platform needs of the host calls of the sandbox process after its start. Threads of
/// the standard library (the reaper, which starts with the first address space) come on top.
pub fn sandbox_calls() -> &'static [Rule] {
    SANDBOX
}

/// What a `clone` of a stub looks like: number and arguments up to the nonce.
pub(super) const fn clone_arguments(thread: bool) -> [u64; 5] {
    let flags = if thread { CLONE_THREAD_FLAGS } else { libc::CLONE_PARENT as u64 };
    [flags, 0, 0, 0, 0]
}
