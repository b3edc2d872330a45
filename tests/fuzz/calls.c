// Makes random system calls: numbers and arguments that are half plausible, half hostile. Never run it outside a
// sandbox. What they do does not matter: the sandbox must live, and no kernel code panic.
//
// calls SECONDS SEED: children make calls, several at a time and with two threads each, until the time is over.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHILDREN = 3, CALLS = 400, LAST_NUMBER = 470, AREA = 64 << 10 };

// Numbers that end or stop the caller, or only wait.
static const short skipped[] = {SYS_exit, SYS_exit_group, SYS_pause, SYS_rt_sigreturn, SYS_rt_sigsuspend, SYS_vfork, SYS_kill, SYS_tkill, SYS_tgkill, SYS_reboot};

// Those that keep much state, which are worth more tries.
static const short favourites[] = {
    SYS_mmap, SYS_munmap, SYS_mprotect, SYS_mremap, SYS_madvise, SYS_brk, SYS_openat, SYS_read, SYS_write, SYS_readv, SYS_writev,
    SYS_pread64, SYS_pwrite64, SYS_preadv2, SYS_pwritev2, SYS_lseek, SYS_ftruncate, SYS_fallocate, SYS_copy_file_range, SYS_splice,
    SYS_tee, SYS_vmsplice, SYS_sendfile, SYS_fcntl, SYS_ioctl, SYS_dup3, SYS_close, SYS_close_range, SYS_epoll_ctl, SYS_epoll_wait,
    SYS_poll, SYS_ppoll, SYS_pselect6, SYS_socket, SYS_bind, SYS_connect, SYS_accept4, SYS_sendmsg, SYS_recvmsg, SYS_sendto,
    SYS_recvfrom, SYS_sendmmsg, SYS_recvmmsg, SYS_setsockopt, SYS_getsockopt, SYS_shutdown, SYS_socketpair, SYS_listen,
    SYS_getsockname, SYS_shmget, SYS_shmat, SYS_shmctl, SYS_shmdt, SYS_semget, SYS_semop, SYS_semtimedop, SYS_semctl, SYS_msgget,
    SYS_msgsnd, SYS_msgrcv, SYS_msgctl, SYS_mq_open, SYS_mq_timedsend, SYS_mq_timedreceive, SYS_mq_notify, SYS_mq_getsetattr,
    SYS_timer_create, SYS_timer_settime, SYS_timer_delete, SYS_timer_gettime, SYS_setitimer, SYS_timerfd_settime,
    SYS_inotify_add_watch, SYS_inotify_rm_watch, SYS_mkdirat, SYS_linkat, SYS_symlinkat, SYS_renameat2, SYS_unlinkat, SYS_mknodat,
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_chdir, SYS_fchdir, SYS_setxattr, SYS_getxattr, SYS_listxattr,
    SYS_fsetxattr, SYS_fgetxattr, SYS_getdents64, SYS_statx, SYS_newfstatat, SYS_statfs, SYS_futex, SYS_futex_waitv,
    SYS_set_robust_list, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigtimedwait, SYS_rt_sigqueueinfo, SYS_sigaltstack,
    SYS_signalfd4, SYS_clone, SYS_clone3, SYS_wait4, SYS_waitid, SYS_unshare, SYS_setns, SYS_prctl, SYS_seccomp, SYS_capset,
    SYS_setgroups, SYS_setresuid, SYS_prlimit64, SYS_sched_setattr, SYS_sched_setaffinity, SYS_process_vm_readv,
    SYS_process_vm_writev, SYS_kcmp, SYS_pidfd_open, SYS_pidfd_getfd, SYS_pidfd_send_signal, SYS_open_tree, SYS_move_mount,
    SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_mount_setattr, SYS_openat2, SYS_mincore, SYS_msync, SYS_mlock2,
    SYS_remap_file_pages, SYS_memfd_create, SYS_fadvise64, SYS_sync_file_range, SYS_flock, SYS_execve, SYS_execveat,
    SYS_process_madvise, SYS_utimensat, SYS_clock_nanosleep, SYS_getrandom, SYS_personality, SYS_name_to_handle_at};

static const char *const paths[] = {
    "", "/", ".", "..", "/tmp", "f", "d", "d/e", "l", "p", "s", "/proc/self/fd/3", "/proc/self/mem", "/proc/self/maps",
    "/proc/self/root/../proc/1/environ", "/proc/thread-self/comm", "/proc/sys/kernel/hostname", "/proc/self/oom_score_adj",
    "/proc/self/pagemap", "/proc/1/ns/mnt", "/dev/null", "/dev/full", "/dev/ptmx", "/dev/pts/0", "/dev/tty", "/dev/shm/x",
    "/sys", "/bin/true", "/etc/passwd", "/proc/self/exe", "user.a", "security.capability", "trusted.overlay.opaque",
    "system.posix_acl_access", "tmpfs", "proc", "mqueue", "overlay", "/q", "lowerdir=/bin,upperdir=d,workdir=w", "size=1k"};
enum { PATHS = sizeof paths / sizeof *paths };

static uint64_t state;
static char *area;

static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545f4914f6cdd1d;
}

static uint64_t below(uint64_t n) { return (next() >> 11) % n; }

static uint64_t number(void) {
    static const uint64_t edges[] = {
        0, 1, 2, 7, 8, 16, 255, 4095, 4096, 4097, 65535, 65536, 0x7ffffffe, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
        0x100000000, 0x7fffffffffffffff, 0x8000000000000000, -4096, -2, -1};
    switch (below(5)) {
    case 0: return edges[below(sizeof edges / sizeof *edges)];
    case 1: return 1ULL << below(64);
    case 2: return below(64);
    case 3: return below(1 << 20);
    default: return next();
    }
}

static uint64_t address(void) {
    switch (below(10)) {
    case 0: return 0;
    case 1: return (uint64_t)area + AREA - below(32);
    case 2: return number();
    case 3: return 0x7ffffffff000 - below(2) * 4096 - below(16);
    case 4: return (uint64_t)area + below(AREA / 4096) * 4096;
    default: return (uint64_t)area + below(AREA / 16) * 16;
    }
}

static uint64_t descriptor(void) { return below(8) ? below(40) : below(2) ? (uint64_t)AT_FDCWD : number(); }

// Structures out of numbers, addresses, descriptors and lengths.
static void fill(void) {
    uint64_t *words = (uint64_t *)area;
    for (int i = 0; i < 64; i++) {
        uint64_t start = below(AREA / 8 - 16);
        for (int j = 0; j < 16; j++) {
            uint64_t *word = words + start + j;
            switch (below(7)) {
            case 0: *word = address(); break;
            case 1: *word = descriptor(); break;
            case 2: *word = number(); break;
            case 3: *word = (uint64_t)(uint32_t)number() | number() << 32; break;
            case 4: strncpy((char *)word, paths[below(PATHS)], 8); break;
            default: *word = below(16);
            }
        }
    }
}

static uint64_t path(void) {
    if (below(12) == 0) return address();
    char *place = area + below(AREA / 64) * 64;
    if ((uintptr_t)place + 64 > (uintptr_t)area + AREA) place -= 64;
    strcpy(place, paths[below(PATHS)]);
    return (uint64_t)place;
}

static uint64_t argument(void) {
    switch (below(8)) {
    case 0: case 1: return descriptor();
    case 2: case 3: return address();
    case 4: return path();
    default: return number();
    }
}

static int is_skipped(long call) {
    for (size_t i = 0; i < sizeof skipped / sizeof *skipped; i++)
        if (skipped[i] == call) return 1;
    return 0;
}

// Descriptors of every kind, from 3 on.
static void open_all(void) {
    int pair[2];
    pipe(pair);
    for (int kind = SOCK_STREAM; kind <= SOCK_SEQPACKET; kind++) socketpair(AF_UNIX, kind == 3 || kind == 4 ? SOCK_DGRAM : kind, 0, pair);
    socket(AF_INET, SOCK_STREAM, 0);
    socket(AF_INET, SOCK_DGRAM, 0);
    socket(AF_INET6, SOCK_STREAM, 0);
    socket(AF_NETLINK, SOCK_RAW, 0);
    epoll_create1(0);
    eventfd(3, 0);
    timerfd_create(CLOCK_MONOTONIC, 0);
    inotify_init1(IN_NONBLOCK);
    memfd_create("m", MFD_ALLOW_SEALING);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    signalfd(-1, &set, SFD_NONBLOCK);
    open("f", O_RDWR | O_CREAT, 0666);
    open(".", O_RDONLY | O_DIRECTORY);
    open("/bin/true", O_RDONLY);
    open("/proc/self/mem", O_RDWR);
    open("/dev/ptmx", O_RDWR | O_NOCTTY);
    open("/proc", O_RDONLY);
    open("/", O_PATH);
    mkfifo("p", 0666);
    open("p", O_RDWR);
    mkdir("d", 0777);
    mkdir("w", 0777);
    symlink("f", "l");
}

static void *make_calls(void *unused) {
    (void)unused;
    for (int i = 0; i < CALLS; i++) {
        long call = below(4) ? favourites[below(sizeof favourites / sizeof *favourites)] : (long)below(LAST_NUMBER);
        if (is_skipped(call)) continue;
        if (below(16) == 0) fill();
        uint64_t a[6];
        for (int j = 0; j < 6; j++) a[j] = argument();
        // A copy with the memory of this one would run on its stack.
        if (call == SYS_clone) a[0] &= ~0x4100ULL;
        if (call == SYS_clone3 && a[0]) call = SYS_fork;
        // Not all the memory that the calls need.
        if ((call == SYS_munmap || call == SYS_mremap || call == SYS_mmap || call == SYS_mprotect) && below(64)) a[0] = below(2) ? 0x10000000000 + below(1 << 20) * 4096 : a[0], a[1] %= 1 << 24;
        syscall(call, a[0], a[1], a[2], a[3], a[4], a[5]);
    }
    return NULL;
}

static void child(uint64_t seed) {
    state = seed | 1;
    for (int i = 0; i < 10; i++) next();
    mkdir("/tmp/calls", 0777);
    char name[64];
    snprintf(name, sizeof name, "/tmp/calls/%d", getpid());
    mkdir(name, 0777);
    chdir(name);
    close(0);
    // Not on the terminal or log that tells what happened.
    for (int i = 1; i < 3; i++) dup2(open("/dev/null", O_RDWR), i);
    open_all();
    area = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    fill();
    if (below(4) == 0) setresuid(1000, 1000, 1000);
    setpgid(0, 0);
    pthread_t thread;
    pthread_create(&thread, NULL, make_calls, NULL);
    make_calls(NULL);
    syscall(SYS_exit_group, 0);
}

static time_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

// The first process of a pid namespace, from which signals of its children keep away.
static void keep(uint64_t seed, time_t end) {
    pid_t children[CHILDREN] = {0}, pid;
    time_t round = now();
    for (uint64_t made = 0; now() < end;) {
        // Whatever hangs, or was left by those who made it.
        if (now() > round + 1) kill(-1, SIGKILL), round = now();
        while ((pid = waitpid(-1, NULL, WNOHANG | __WALL)) > 0)
            for (int i = 0; i < CHILDREN; i++)
                if (children[i] == pid) children[i] = 0;
        for (int i = 0; i < CHILDREN; i++) {
            if (children[i]) continue;
            uint64_t own = seed + 0x9e3779b97f4a7c15 * ++made;
            children[i] = fork();
            if (children[i] == 0) child(own);
            if (children[i] < 0) children[i] = 0;
        }
        nanosleep(&(struct timespec){0, 2000000}, NULL);
    }
    _exit(0);
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    uint64_t seed = strtoull(argv[2], NULL, 0);
    time_t end = now() + atoi(argv[1]);
    int status = -1;
    while (now() < end) {
        pid_t keeper = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
        if (keeper == 0) keep(++seed, end);
        if (keeper < 0) return perror("clone"), 1;
        while (waitpid(keeper, &status, __WALL) != keeper)
            ;
        seed += 0x1234567;
    }
    pid_t pid = fork();
    if (pid == 0) execl("/bin/true", "true", NULL);
    waitpid(pid, &status, 0);
    printf("%s\n", pid > 0 && status == 0 ? "alive" : "dead");
    return status != 0;
}
