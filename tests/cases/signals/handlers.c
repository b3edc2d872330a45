// sigaction(2): what it returns, flags, masks during a handler, and the errors.
#include "case.h"

static volatile int depth, runs;

static void show_mask(const char *what) {
    sigset_t set;
    sigprocmask(SIG_BLOCK, NULL, &set);
    printf("%s:", what);
    for (int signo = 1; signo < 65; signo++)
        if (sigismember(&set, signo) == 1) printf(" %s", signal_name(signo));
    printf("\n");
}

static void handler(int signo) {
    depth++;
    printf("handler %s depth %d\n", signal_name(signo), depth);
    show_mask("  mask");
    // Blocked until this handler returns, unless SA_NODEFER is set.
    if (signo == SIGUSR1 && ++runs % 3) raise(SIGUSR1);
    depth--;
}

int main(void) {
    struct sigaction action = {.sa_handler = handler}, old;
    SHOW(sigaction(SIGKILL, &action, NULL));
    SHOW(sigaction(SIGSTOP, &action, NULL));
    SHOW(sigaction(0, &action, NULL));
    SHOW(sigaction(65, &action, NULL));
    SHOW(sigaction(SIGKILL, NULL, &old));
    SHOW(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 4));
    SHOW(syscall(SYS_rt_sigaction, SIGUSR1, 8, NULL, 8));
    SHOW(syscall(SYS_rt_sigaction, SIGUSR1, NULL, 8, 8));
    sigaddset(&action.sa_mask, SIGHUP);
    sigaddset(&action.sa_mask, SIGKILL);
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    show_mask("after");
    action.sa_flags = SA_NODEFER;
    sigaction(SIGUSR1, &action, &old);
    IS(old.sa_handler == handler);
    SHOW(sigismember(&old.sa_mask, SIGKILL));
    raise(SIGUSR1);
    action.sa_flags = SA_RESETHAND;
    sigaction(SIGUSR2, &action, NULL);
    raise(SIGUSR2);
    sigaction(SIGUSR2, NULL, &old);
    IS(old.sa_handler == SIG_DFL);
    SHOW(old.sa_flags & SA_RESETHAND ? 1 : 0);
    // Unknown flags are dropped, known ones kept (SA_UNSUPPORTED tells).
    action.sa_flags = SA_RESTART | 0x400 | (1 << 26);
    sigaction(SIGUSR2, &action, NULL);
    sigaction(SIGUSR2, NULL, &old);
    printf("flags %x\n", old.sa_flags);
}
