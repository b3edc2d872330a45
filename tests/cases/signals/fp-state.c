// x87, SSE and AVX state around handlers that use it; handlers start with a clean x87 control word.
// cflags: -mavx2 -lm
#include "case.h"
#include <fenv.h>
#include <ucontext.h>

static void handler(int signo) {
    unsigned short control;
    unsigned mxcsr;
    __asm__ volatile("fnstcw %0\n stmxcsr %1" : "=m"(control), "=m"(mxcsr));
    printf("in the handler control %x mxcsr %x\n", control, mxcsr & 0xffc0);
    __asm__ volatile("fninit\n fldpi\n vpcmpeqd %%ymm5, %%ymm5, %%ymm5" : : : "xmm5");
    fesetround(FE_UPWARD);
}

static volatile int stop;
static void tick(int signo) {
    static int count;
    __asm__ volatile("vpxor %%ymm5, %%ymm5, %%ymm5" : : : "xmm5");
    if (++count == 20) stop = 1;
}

int main(void) {
    signal(SIGUSR1, handler);
    unsigned short control = 0x27f, after;
    unsigned mxcsr = 0x3f80, mxcsr_after;
    static unsigned char in[32], out[32];
    for (int i = 0; i < 32; i++) in[i] = i;
    double top;
    __asm__ volatile("fldcw %[c]\n ldmxcsr %[m]\n fld1\n vmovdqu %[in], %%ymm5\n mov $62, %%eax\n syscall\n"
                     "vmovdqu %%ymm5, %[out]\n fstpl %[top]\n fnstcw %[ca]\n stmxcsr %[ma]"
                     : [out] "=m"(out), [top] "=m"(top), [ca] "=m"(after), [ma] "=m"(mxcsr_after)
                     : [c] "m"(control), [m] "m"(mxcsr), [in] "m"(in), "D"((long)getpid()), "S"((long)SIGUSR1)
                     : "rax", "rcx", "r11", "memory", "xmm5");
    printf("control %x mxcsr %x top %g wide %s\n", after, mxcsr_after, top, memcmp(in, out, 32) ? "changed" : "kept");
    // Asynchronously, in a loop without calls.
    signal(SIGALRM, tick);
    struct itimerval timer = {{0, 2000}, {0, 2000}};
    setitimer(ITIMER_REAL, &timer, NULL);
    long bad = 0;
    while (!stop) {
        __asm__ volatile("vmovdqu %1, %%ymm5\n mov $20000, %%ecx\n 1: dec %%ecx\n jnz 1b\n vmovdqu %%ymm5, %0" : "=m"(out) : "m"(in) : "ecx", "xmm5");
        bad += memcmp(in, out, 32) != 0;
    }
    SHOW(bad);
}
