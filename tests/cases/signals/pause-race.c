// kill from a child before, during and after pause; handlers of many signals nest.
#include "case.h"

static volatile int depth, deepest;
static void nest(int signo) {
    if (++depth > deepest) deepest = depth;
    if (signo < SIGRTMIN + 20) raise(signo + 1);
    depth--;
}

static volatile int got;
static void count(int signo) { got++; }

int main(void) {
    for (int i = 0; i <= 20; i++) signal(SIGRTMIN + i, nest);
    raise(SIGRTMIN);
    SHOW(deepest);
    // A hundred round trips between two processes.
    struct sigaction action = {.sa_handler = count};
    sigaction(SIGUSR1, &action, NULL);
    sigset_t block, old;
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    sigprocmask(SIG_BLOCK, &block, &old);
    pid_t child = NEED(fork());
    pid_t other = child ? child : getppid();
    for (int i = 0; i < 100; i++) {
        if (child) kill(other, SIGUSR1);
        while (got <= i) sigsuspend(&old);
        if (!child) kill(other, SIGUSR1);
    }
    if (child == 0) _exit(got == 100);
    SHOW(got);
    reap("child", child);
}
