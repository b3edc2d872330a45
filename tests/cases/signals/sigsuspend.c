// sigsuspend(2) swaps the mask, waits, and puts it back after the handler.
#include "case.h"

static void handler(int signo) {
    sigset_t set;
    sigprocmask(SIG_BLOCK, NULL, &set);
    printf("handler %s: USR1 blocked %d USR2 blocked %d\n", signal_name(signo), sigismember(&set, SIGUSR1), sigismember(&set, SIGUSR2));
}

int main(void) {
    sigset_t block, wait, now;
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    sigprocmask(SIG_BLOCK, &block, NULL);
    signal(SIGUSR1, handler);
    signal(SIGUSR2, handler);
    raise(SIGUSR1);
    sigemptyset(&wait);
    sigaddset(&wait, SIGUSR2);
    SHOW(sigsuspend(&wait));
    sigprocmask(SIG_BLOCK, NULL, &now);
    SHOW(sigismember(&now, SIGUSR1));
    SHOW(sigismember(&now, SIGUSR2));
    // From another process, some time later; ignored and blocked signals do not end it.
    signal(SIGHUP, SIG_IGN);
    pid_t child = NEED(fork());
    if (child == 0) {
        await_state(getppid(), 'S');
        kill(getppid(), SIGHUP);
        kill(getppid(), SIGUSR2);
        sleep_ms(10);
        kill(getppid(), SIGUSR1);
        _exit(0);
    }
    SHOW(sigsuspend(&wait));
    sigprocmask(SIG_BLOCK, NULL, &now);
    SHOW(sigismember(&now, SIGUSR2));
    reap("child", child);
    // Two pending at once: both handlers run before it returns.
    raise(SIGUSR1);
    sigaddset(&block, SIGUSR2);
    sigprocmask(SIG_BLOCK, &block, NULL);
    sigemptyset(&wait);
    raise(SIGUSR1);
    raise(SIGUSR2);
    SHOW(sigsuspend(&wait));
}
