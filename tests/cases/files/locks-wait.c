// F_SETLKW waits, is interrupted, and finds deadlocks; locks end with their process.
// also: --directfs=false --overlay2=none
#include "case.h"

static int fd;
static void handler(int signo) {}

static int lock(int command, int type, off_t start) {
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = 1};
    return fcntl(fd, command, &lock);
}

int main(void) {
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGALRM, &action, NULL);
    fd = NEED(open("file", O_RDWR | O_CREAT, 0644));
    int ready[2], go[2];
    char byte;
    NEED(pipe(ready));
    NEED(pipe(go));
    pid_t child = NEED(fork());
    if (child == 0) {
        NEED(lock(F_SETLK, F_WRLCK, 0));
        NEED(write(ready[1], "r", 1));
        NEED(read(go[0], &byte, 1));
        sleep_ms(20);
        _exit(0);
    }
    NEED(read(ready[0], &byte, 1));
    SHOW(lock(F_SETLK, F_WRLCK, 0));
    struct itimerval soon = {{0, 20000}, {0, 20000}}, never = {0};
    setitimer(ITIMER_REAL, &soon, NULL);
    SHOW(lock(F_SETLKW, F_WRLCK, 0));
    setitimer(ITIMER_REAL, &never, NULL);
    NEED(write(go[1], "g", 1));
    SHOW(lock(F_SETLKW, F_WRLCK, 0));
    reap("holder", child);

    child = NEED(fork());
    if (child == 0) {
        NEED(lock(F_SETLK, F_WRLCK, 1));
        NEED(write(ready[1], "r", 1));
        int result = lock(F_SETLKW, F_WRLCK, 0);
        _exit(result == 0 ? 0 : 1);
    }
    NEED(read(ready[0], &byte, 1));
    await_state(child, 'S');
    SHOW(lock(F_SETLKW, F_WRLCK, 1));
    SHOW(lock(F_SETLK, F_UNLCK, 0));
    reap("other", child);
    SHOW(lock(F_SETLKW, F_WRLCK, 1));
}
