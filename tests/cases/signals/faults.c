// The signals of the processor's faults, their codes and addresses (sigaction(2)).
#include "case.h"
#include <setjmp.h>
#include <ucontext.h>

static sigjmp_buf back;
static char *expected;

static void handler(int signo, siginfo_t *info, void *context) {
    ucontext_t *user = context;
    printf("%s code %d address %s trap %lld error %llx\n", signal_name(signo), info->si_code,
           info->si_addr == expected ? "expected" : info->si_addr == NULL ? "null" : (uintptr_t)info->si_addr == user->uc_mcontext.gregs[REG_RIP] ? "instruction" : "other",
           user->uc_mcontext.gregs[REG_TRAPNO], user->uc_mcontext.gregs[REG_ERR]);
    siglongjmp(back, 1);
}

#define FAULT(what, address, ...)                                                                      \
    do {                                                                                               \
        printf("%s: ", what);                                                                          \
        expected = address;                                                                            \
        if (sigsetjmp(back, 1) == 0) {                                                                 \
            __VA_ARGS__;                                                                               \
            puts("no fault");                                                                          \
        }                                                                                              \
    } while (0)

int main(void) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    for (int i = 0; i < 5; i++) sigaction(signals[i], &action, NULL);
    char *none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *read_only = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *hole = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd = NEED(open("file", O_RDWR | O_CREAT, 0644));
    char *beyond = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    munmap(hole, 4096);
    FAULT("read of nothing", hole + 5, *(volatile char *)(hole + 5));
    FAULT("write of nothing", hole + 5, *(volatile char *)(hole + 5) = 1);
    FAULT("read of PROT_NONE", none, *(volatile char *)none);
    FAULT("write of read-only", read_only + 9, *(volatile char *)(read_only + 9) = 1);
    FAULT("execution of data", read_only, ((void (*)(void))read_only)());
    FAULT("null", NULL, *(volatile char *)NULL);
    FAULT("beyond the file", beyond, *(volatile char *)beyond);
    FAULT("not canonical", (char *)1, *(volatile char *)0x8000000000000000);
    FAULT("kernel", (char *)0xffff800000000000, *(volatile char *)0xffff800000000000);
    FAULT("division", (char *)1, __asm__ volatile("xor %%ecx, %%ecx\n mov $1, %%eax\n cltd\n idiv %%ecx" : : : "eax", "ecx", "edx"));
    FAULT("division overflow", (char *)1, __asm__ volatile("mov $-1, %%ecx\n mov $0x80000000, %%eax\n cltd\n idiv %%ecx" : : : "eax", "ecx", "edx"));
    FAULT("undefined", (char *)1, __asm__ volatile("ud2"));
    FAULT("breakpoint", (char *)1, __asm__ volatile("int3"));
    FAULT("privileged", (char *)1, __asm__ volatile("hlt"));
    FAULT("other interrupt", (char *)1, __asm__ volatile("int $0x55"));
    FAULT("alignment", (char *)1, __asm__ volatile("movaps 1(%0), %%xmm0" : : "r"(&action) : "xmm0"));
    unsigned mxcsr = 0x1f80 & ~0x200;
    FAULT("SSE division", (char *)1, __asm__ volatile("ldmxcsr %0\n xorps %%xmm0, %%xmm0\n movss %1, %%xmm1\n divss %%xmm0, %%xmm1" : : "m"(mxcsr), "m"((float){1}) : "xmm0", "xmm1"));
}
