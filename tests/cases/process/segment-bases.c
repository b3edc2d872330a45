// arch_prctl(2) and the FS and GS bases, also across fork and signals.
#include "case.h"
#include <asm/prctl.h>

static unsigned long block[2] = {0x1234, 0x5678};

static unsigned long read_gs(void) {
    unsigned long value;
    __asm__ volatile("mov %%gs:8, %0" : "=r"(value));
    return value;
}

static void handler(int signo) { printf("in a handler %lx\n", read_gs()); }

int main(void) {
    unsigned long base = 1, self;
    SHOW(syscall(SYS_arch_prctl, ARCH_GET_FS, &base));
    __asm__ volatile("mov %%fs:0, %0" : "=r"(self));
    IS(base == self);
    SHOW(syscall(SYS_arch_prctl, ARCH_GET_GS, &base));
    SHOW(base);
    SHOW(syscall(SYS_arch_prctl, ARCH_SET_GS, block));
    printf("%lx\n", read_gs());
    SHOW(syscall(SYS_arch_prctl, ARCH_GET_GS, &base));
    IS(base == (unsigned long)block);
    sleep_ms(1);
    printf("%lx\n", read_gs());
    IN_CHILD("child", printf("%lx\n", read_gs()));
    signal(SIGUSR1, handler);
    raise(SIGUSR1);
    SHOW(syscall(SYS_arch_prctl, ARCH_SET_GS, 0xffff800000000000));
    SHOW(syscall(SYS_arch_prctl, ARCH_SET_FS, 0xffff800000000000));
    SHOW(syscall(SYS_arch_prctl, ARCH_GET_GS, 8));
    SHOW(syscall(SYS_arch_prctl, 0x9999, 0));
    SHOW(syscall(SYS_arch_prctl, ARCH_GET_CPUID, 0));
}
