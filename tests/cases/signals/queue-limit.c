// RLIMIT_SIGPENDING bounds queued signals: sigqueue fails, kill does not (sigqueue(3)).
#include "case.h"

static int count;
static void handler(int signo) { count++; }

int main(void) {
    BECOME(54321);
    struct rlimit limit = {10, 10};
    NEED(setrlimit(RLIMIT_SIGPENDING, &limit));
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGRTMIN, handler);
    signal(SIGUSR1, handler);
    int queued = 0;
    while (queued < 100 && sigqueue(getpid(), SIGRTMIN, (union sigval){0}) == 0) queued++;
    printf("queued %d %s\n", queued, errno_name(errno));
    SHOW(kill(getpid(), SIGRTMIN));
    SHOW(kill(getpid(), SIGUSR1));
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    SHOW(count);
}
