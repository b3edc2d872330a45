// sigprocmask(2): the three ways, what cannot be blocked, and the errors.
#include "case.h"

static void show(void) {
    unsigned long set = 0;
    NEED(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &set, 8));
    printf("  mask %lx\n", set);
}

int main(void) {
    unsigned long set = ~0UL;
    SHOW(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &set, NULL, 8));
    show();
    set = 1UL << (SIGUSR1 - 1) | 1UL << (SIGINT - 1);
    SHOW(syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &set, NULL, 8));
    show();
    SHOW(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &set, NULL, 8));
    show();
    SHOW(syscall(SYS_rt_sigprocmask, 3, &set, NULL, 8));
    SHOW(syscall(SYS_rt_sigprocmask, 99, NULL, &set, 8));
    SHOW(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 4));
    SHOW(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 8, NULL, 8));
    set = 1UL << (SIGHUP - 1);
    SHOW(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, 8, 8));
    show();
    SHOW(syscall(SYS_rt_sigpending, &set, 8));
    SHOW(syscall(SYS_rt_sigpending, &set, 9));
    SHOW(syscall(SYS_rt_sigsuspend, &set, 4));
    IN_CHILD("kept by exec", execlp("grep", "grep", "SigBlk", "/proc/self/status", NULL));
}
