// A hostile program: runs raw what no libc would, and knows the sandbox's source. Never run it outside one.
//
// Each attack runs in children; that the parent gets to its last line shows that the sandbox lives. What must
// not happen on the host is checked from there (tests/attacker.rs): no file at the canary's path, no process left,
// no call of a stub outside its filter.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// Where the platform keeps its own pages (crates/platform/src/stub/shared.rs).
static const struct {
    uintptr_t start, size;
} regions[] = {{0x7e0000000000, 4 << 20}, {0x7e0010000000, 1 << 20}, {0x7e0040000000, 4 << 20}, {0x100000, 1 << 20}, {0x5554ffe00000, 1 << 20}};

static const char *canary;

static long native(long number, long a, long b, long c, long d, long e, long f) {
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return result;
}

static long interrupt(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "r8", "r9", "r10", "r11", "memory");
    return result;
}

// Waits for a child, 100 ms at most, then kills it. Returns its status, or -1 if it had to be killed.
static int bounded_wait(pid_t child) {
    struct timespec moment = {0, 200000};
    int status;
    for (int i = 0; i < 500; i++) {
        if (waitpid(child, &status, WNOHANG) == child) return status;
        nanosleep(&moment, NULL);
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return -1;
}

enum { ENDED, ANSWERED, NO_SUCH_CALL, KILLED, HUNG, KINDS };
static const char *kinds[] = {"ended", "answered", "ENOSYS", "killed", "waited"};

static void try_numbers(const char *what, int abi) {
    int counts[KINDS] = {0};
    for (long number = 0; number < 1024; number++) {
        pid_t child = fork();
        if (child == 0) {
            // To whatever takes a path, flags and a mode, this creates the canary.
            long path = (long)canary, flags = O_CREAT | O_RDWR, mode = 0666;
            long result = abi == 2 ? interrupt(number, path, flags, mode) : native(number | (abi ? 0x40000000 : 0), path, flags, mode, mode, 0, 0);
            syscall(SYS_exit_group, result == -ENOSYS ? 101 : 100);
        }
        if (child == -1) {
            perror("fork");
            exit(1);
        }
        int status = bounded_wait(child);
        counts[status == -1 ? HUNG : WIFSIGNALED(status) ? KILLED : WEXITSTATUS(status) == 101 ? NO_SUCH_CALL : WEXITSTATUS(status) == 100 ? ANSWERED : ENDED]++;
    }
    printf("%s:", what);
    for (int kind = 0; kind < KINDS; kind++) printf(" %d %s", counts[kind], kinds[kind]);
    printf("\n");
}

static sigjmp_buf back;
static void recover(int signo) { siglongjmp(back, 1); }

static int readable(volatile unsigned char *at) {
    if (sigsetjmp(back, 1)) return 0;
    (void)*at;
    return 1;
}

static void catch_faults(void) {
    static char stack[65536];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&alternate, NULL);
    struct sigaction action = {.sa_handler = recover, .sa_flags = SA_ONSTACK};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGILL, &action, NULL);
    sigaction(SIGSYS, &action, NULL);
}

// Jumps to `at` with registers that ask the host for something; the stack holds nothing to return to but 0.
static void jump(uintptr_t at, long number) {
    register long r10 __asm__("r10") = 0666, r8 __asm__("r8") = -1, r9 __asm__("r9") = 0;
    __asm__ volatile("push $0\n push $0\n jmp *%0" : : "r"(at), "a"(number), "D"(canary), "S"((long)(O_CREAT | O_RDWR)), "d"(0666L), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
}

static void stub_code(void) {
    static const int wanted[] = {SYS_open, SYS_creat, SYS_mkdir, SYS_socket, SYS_clone, SYS_fork, SYS_vfork, SYS_execve, SYS_ptrace, SYS_kill, SYS_prctl, SYS_munmap, SYS_memfd_create, SYS_seccomp, SYS_exit};
    int gates = 0, ended = 0, killed = 0, hung = 0;
    catch_faults();
    for (size_t region = 0; region < sizeof regions / sizeof *regions; region++)
        for (uintptr_t page = regions[region].start; page < regions[region].start + regions[region].size; page += 4096) {
            if (!readable((void *)page)) continue;
            unsigned char copy[4096];
            if (sigsetjmp(back, 1)) continue;
            memcpy(copy, (void *)page, sizeof copy);
            for (int i = 0; i + 1 < 4096 && gates < 8; i++) {
                if (copy[i] != 0x0f || copy[i + 1] != 0x05) continue;
                gates++;
                for (size_t w = 0; w < sizeof wanted / sizeof *wanted; w++) {
                    pid_t child = fork();
                    if (child == 0) {
                        signal(SIGSEGV, SIG_DFL);
                        jump(page + i, wanted[w]);
                        _exit(1);
                    }
                    int status = bounded_wait(child);
                    *(status == -1 ? &hung : WIFSIGNALED(status) ? &killed : &ended) += 1;
                }
            }
        }
    // What the host's call did, if anything, shows from outside.
    printf("jumps: %s\n", ended + killed + hung >= gates ? "all came to an end" : "lost");
}

static void spin(void) {
    for (;;) __asm__ volatile("");
}

// Leaves a signal handler that was never entered, to where all signals are blocked: the stub's own too.
static void deafen(void) {
    static char stack[65536];
    static uint64_t frame[200];
    frame[3] = SS_DISABLE;
    frame[20] = ((uint64_t)(stack + sizeof stack) & ~15ULL) - 8;
    frame[21] = (uint64_t)spin;
    frame[22] = 0x202;
    frame[23] = 0x33 | (uint64_t)0x2b << 48;
    frame[37] = ~0ULL;
    uint64_t restorer = ((uint64_t *)0x7e0000000000)[4];
    __asm__ volatile("mov %0, %%rsp\n jmp *%1" : : "r"(frame), "r"(restorer));
}

static void deaf(void) {
    pid_t child = fork();
    if (child == 0) deafen();
    printf("deaf: %s\n", bounded_wait(child) == -1 ? "ended" : "never deaf");
    // This one outlives the sandbox's first process.
    if (fork() == 0) deafen();
}

static void unmap(void) {
    for (size_t region = 0; region < sizeof regions / sizeof *regions; region++) {
        uintptr_t start = regions[region].start;
        for (int way = 0; way < 5; way++) {
            pid_t child = fork();
            if (child == 0) {
                void *at = (void *)start;
                if (way == 0) munmap(at, regions[region].size);
                if (way == 1) mprotect(at, regions[region].size, PROT_READ | PROT_WRITE | PROT_EXEC);
                if (way == 2) mmap(at, regions[region].size, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                if (way == 3) mremap(at, 4096, 8192, MREMAP_MAYMOVE);
                if (way == 4) madvise(at, regions[region].size, MADV_DONTNEED);
                _exit(syscall(SYS_getppid) > 0 ? 0 : 1);
            }
            int status = bounded_wait(child);
            if (status == -1) printf("region %zx way %d hung\n", region, way);
        }
    }
    pid_t child = fork();
    if (child == 0) {
        munmap((void *)0x10000, 0x7ffffffff000 - 0x10000);
        _exit(0);
    }
    printf("unmapping everything: %s\n", bounded_wait(child) == -1 ? "hung" : "ended");
}

static uintptr_t writable[4096];
static int writable_count;

static void *scribble(void *seed) {
    unsigned state = (unsigned)(uintptr_t)seed;
    while (writable_count) {
        state = state * 1664525 + 1013904223;
        uintptr_t page = writable[(state >> 8) % writable_count];
        *(volatile uint64_t *)(page + (state >> 20) % 512 * 8) = (uint64_t)state * 0x9e3779b97f4a7c15;
    }
    return NULL;
}

static void forge(void) {
    int hung = 0;
    catch_faults();
    for (size_t region = 0; region < sizeof regions / sizeof *regions; region++)
        for (uintptr_t page = regions[region].start; page < regions[region].start + regions[region].size && writable_count < 4096; page += 4096) {
            if (!readable((void *)page) || sigsetjmp(back, 1)) continue;
            *(volatile unsigned char *)(page + 4095) = *(volatile unsigned char *)(page + 4095);
            writable[writable_count++] = page;
        }
    for (long round = 0; round < 15 && writable_count; round++) {
        pid_t child = fork();
        if (child == 0) {
            signal(SIGSEGV, SIG_DFL);
            pthread_t thread;
            pthread_create(&thread, NULL, scribble, (void *)(round * 77 + 1));
            for (int i = 0; i < 2000; i++) {
                syscall(SYS_getppid);
                close(open(canary, O_RDONLY));
            }
            _exit(0);
        }
        hung += bounded_wait(child) == -1;
    }
    printf("forged: %s\n", hung <= 15 ? "ended" : "lost");
}

static void forks(void) {
    struct rlimit limit = {300, 300};
    setrlimit(RLIMIT_NPROC, &limit);
    int made = 0, failed = 0;
    for (int i = 0; i < 400; i++) {
        long child = native(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
        if (child == 0) {
            for (int j = 0; j < 3; j++) native(SYS_fork, 0, 0, 0, 0, 0, 0);
            native(SYS_exit_group, 0, 0, 0, 0, 0, 0);
        }
        if (child > 0) made++;
        else failed++;
    }
    while (wait(NULL) > 0)
        ;
    // The flags that a stub's filter knows, raw, and many that it does not.
    for (long bit = 7; bit < 40; bit++) {
        pid_t child = fork();
        if (child == 0) {
            native(SYS_clone, 1L << bit | SIGCHLD, 0, 0, 0, 0, 0);
            native(SYS_exit_group, 0, 0, 0, 0, 0, 0);
        }
        bounded_wait(child);
    }
    printf("forks: %s\n", made + failed == 400 ? "counted" : "lost");
}

static void vsyscall(void) {
    static const uintptr_t entries[] = {0xffffffffff600000, 0xffffffffff600400, 0xffffffffff600800, 0xffffffffff600c00};
    for (int i = 0; i < 4; i++) {
        pid_t child = fork();
        if (child == 0) {
            long place[4] = {0};
            ((long (*)(void *, void *, void *))entries[i])(place, place + 2, NULL);
            _exit(0);
        }
        int status = bounded_wait(child);
        printf("vsyscall %d: %s\n", i, status == -1 ? "hung" : "ended");
    }
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    canary = argv[2];
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!strcmp(argv[1], "numbers")) try_numbers("syscall", 0);
    if (!strcmp(argv[1], "numbers-x32")) try_numbers("x32", 1);
    if (!strcmp(argv[1], "numbers-int80")) try_numbers("int 0x80", 2);
    if (!strcmp(argv[1], "stub-code")) stub_code();
    if (!strcmp(argv[1], "deaf")) deaf();
    if (!strcmp(argv[1], "unmap")) unmap();
    if (!strcmp(argv[1], "forge")) forge();
    if (!strcmp(argv[1], "forks")) forks();
    if (!strcmp(argv[1], "vsyscall")) vsyscall();
    // New processes still start, so the sandbox lives.
    pid_t child = fork();
    if (child == 0) execl("/bin/true", "true", NULL);
    int status = -1;
    waitpid(child, &status, 0);
    printf("sandbox lives: %s\n", status == 0 ? "yes" : "no");
    return status != 0;
}
