// flock(2): per description, upgrade, non-blocking, interruption.
// also: --directfs=false --overlay2=none
#include "case.h"
#include <sys/file.h>

static void handler(int signo) {}

int main(void) {
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGALRM, &action, NULL);
    int one = NEED(open("file", O_RDONLY | O_CREAT, 0644)), two = NEED(open("file", O_RDWR));
    SHOW(flock(one, LOCK_SH));
    SHOW(flock(two, LOCK_SH));
    SHOW(flock(one, LOCK_EX | LOCK_NB));
    SHOW(flock(two, LOCK_UN));
    SHOW(flock(one, LOCK_EX | LOCK_NB));
    SHOW(flock(two, LOCK_SH | LOCK_NB));
    SHOW(flock(one, LOCK_SH | LOCK_EX));
    SHOW(flock(one, 0));
    SHOW(flock(99, LOCK_SH));
    struct itimerval soon = {{0, 0}, {0, 20000}};
    setitimer(ITIMER_REAL, &soon, NULL);
    SHOW(flock(two, LOCK_EX));
    IN_CHILD("child", SHOW(flock(one, LOCK_EX | LOCK_NB)); SHOW(flock(two, LOCK_EX | LOCK_NB)); SHOW(flock(one, LOCK_UN)));
    SHOW(flock(two, LOCK_EX | LOCK_NB));
    int copy = dup(two);
    close(two);
    SHOW(flock(one, LOCK_EX | LOCK_NB));
    pid_t child = NEED(fork());
    if (child == 0) {
        close(copy);
        _exit(flock(one, LOCK_EX) == 0 ? 5 : 6);
    }
    sleep_ms(10);
    close(copy);
    reap("waiter", child);
    int pair[2];
    NEED(pipe(pair));
    SHOW(flock(pair[0], LOCK_EX));
    int path = NEED(open("file", O_PATH));
    SHOW(flock(path, LOCK_EX));
}
