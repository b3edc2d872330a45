// The context a handler may change: registers, flags and the mask (sigreturn(2)).
#include "case.h"
#include <ucontext.h>

static void skip(int signo, siginfo_t *info, void *context) {
    ucontext_t *user = context;
    user->uc_mcontext.gregs[REG_RIP] += 2;
    user->uc_mcontext.gregs[REG_RAX] = 4711;
    user->uc_mcontext.gregs[REG_R12] += 1;
    user->uc_mcontext.gregs[REG_EFL] |= 1;
    sigaddset(&user->uc_sigmask, SIGUSR2);
}

static void wide(int signo, siginfo_t *info, void *context) {
    ucontext_t *user = context;
    printf("fp state %d\n", user->uc_mcontext.fpregs != NULL);
    ((uint32_t *)user->uc_mcontext.fpregs->_xmm[3].element)[0] = 0xabcd;
}

static void zero(int signo, siginfo_t *info, void *context) {
    ucontext_t *user = context;
    user->uc_mcontext.gregs[REG_RIP] = 0x800000000000;
}

int main(void) {
    struct sigaction action = {.sa_sigaction = skip, .sa_flags = SA_SIGINFO};
    sigaction(SIGILL, &action, NULL);
    long result, twelve, carry;
    __asm__ volatile("mov $41, %%r12\n clc\n ud2\n sbb %2, %2\n mov %%r12, %1\n" : "=a"(result), "=r"(twelve), "=r"(carry) : : "r12", "cc");
    printf("%ld %ld %ld\n", result, twelve, carry);
    sigset_t set;
    sigprocmask(SIG_BLOCK, NULL, &set);
    SHOW(sigismember(&set, SIGUSR2));
    SHOW(sigismember(&set, SIGILL));
    action.sa_sigaction = wide;
    sigaction(SIGUSR1, &action, NULL);
    unsigned low;
    __asm__ volatile("xorps %%xmm3, %%xmm3\n mov $62, %%eax\n syscall\n movd %%xmm3, %0" : "=r"(low) : "D"((long)getpid()), "S"((long)SIGUSR1) : "rax", "rcx", "r11", "xmm3", "memory");
    printf("%x\n", low);
    action.sa_sigaction = zero;
    sigaction(SIGUSR1, &action, NULL);
    IN_CHILD("bad instruction pointer", raise(SIGUSR1));
    IN_CHILD("sigreturn from nowhere", syscall(SYS_rt_sigreturn));
}
