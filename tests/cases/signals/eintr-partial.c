// A transfer that was interrupted after some bytes returns their count, not EINTR (read(2), write(2)).
#include "case.h"

static void handler(int signo) {}

int main(void) {
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGUSR1, &action, NULL);
    int pair[2];
    NEED(pipe(pair));
    NEED(fcntl(pair[1], F_SETPIPE_SZ, 4096));
    static char buffer[20000];
    pid_t parent = getpid(), child = NEED(fork());
    if (child == 0) {
        await_state(parent, 'S');
        kill(parent, SIGUSR1);
        _exit(0);
    }
    SHOW(write(pair[1], buffer, sizeof buffer));
    reap("child", child);
    child = NEED(fork());
    if (child == 0) {
        await_state(parent, 'S');
        kill(parent, SIGUSR1);
        _exit(0);
    }
    SHOW(write(pair[1], buffer, sizeof buffer));
    reap("child", child);
    int sockets[2];
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
    NEED(write(sockets[1], buffer, 100));
    child = NEED(fork());
    if (child == 0) {
        await_state(parent, 'S');
        kill(parent, SIGUSR1);
        _exit(0);
    }
    SHOW(recv(sockets[0], buffer, 1000, MSG_WAITALL));
    reap("child", child);
}
