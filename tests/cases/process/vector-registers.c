// The wide registers survive system calls of all kinds, a fault, and a switch to another process.
// cflags: -mavx2
#include "case.h"

static volatile sig_atomic_t ran;
static void handler(int signo) {
    ran++;
    __asm__ volatile("vpxor %%ymm0, %%ymm0, %%ymm0\n vpxor %%ymm7, %%ymm7, %%ymm7\n vpxor %%ymm15, %%ymm15, %%ymm15" : : : "xmm0", "xmm7", "xmm15");
}

static unsigned char in[3][32], out[3][32];

#define AROUND(number, a, b, c)                                                                       \
    ({                                                                                                \
        long result_;                                                                                 \
        register long d_ __asm__("r10") = 0;                                                          \
        __asm__ volatile(                                                                             \
            "vmovdqu %[i0], %%ymm0\n vmovdqu %[i1], %%ymm7\n vmovdqu %[i2], %%ymm15\n syscall\n"       \
            "vmovdqu %%ymm0, %[o0]\n vmovdqu %%ymm7, %[o1]\n vmovdqu %%ymm15, %[o2]\n"                 \
            : "=a"(result_), [o0] "=m"(out[0]), [o1] "=m"(out[1]), [o2] "=m"(out[2])                  \
            : "a"((long)number), "D"((long)(a)), "S"((long)(b)), "d"((long)(c)), "r"(d_), [i0] "m"(in[0]), [i1] "m"(in[1]), [i2] "m"(in[2]) \
            : "rcx", "r11", "memory", "xmm0", "xmm7", "xmm15");                                       \
        if (memcmp(in, out, sizeof in)) printf("changed by call %d\n", (int)number);                   \
        result_;                                                                                      \
    })

int main(void) {
    for (int i = 0; i < 96; i++) ((unsigned char *)in)[i] = i * 7 + 1;
    IS(AROUND(SYS_getpid, 0, 0, 0) == getpid());
    struct timespec time = {0, 1000000};
    SHOW(AROUND(SYS_nanosleep, &time, 0, 0));
    int fd = NEED(open("/proc/self/stat", O_RDONLY));
    static char buffer[4096];
    IS(AROUND(SYS_read, fd, buffer, sizeof buffer) > 0);
    char *memory = (char *)AROUND(SYS_mmap, 0, 8192, PROT_READ | PROT_WRITE);
    IS(memory != NULL);
    long child = AROUND(SYS_fork, 0, 0, 0);
    if (child == 0) _exit(memcmp(in, out, sizeof in) != 0);
    reap("child", child);
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGUSR1, &action, NULL);
    SHOW(AROUND(SYS_kill, getpid(), SIGUSR1, 0));
    SHOW(ran);
    for (int i = 0; i < 1000; i++) AROUND(SYS_sched_yield, 0, 0, 0);
}
