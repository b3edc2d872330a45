// pipe(2): flags, ends, SIGPIPE, end of file, and kinds.
#include "case.h"
#include <sys/ioctl.h>

static void handler(int signo) { printf("%s\n", signal_name(signo)); }

int main(void) {
    int pair[2] = {-7, -7}, count;
    char text[10];
    SHOW(pipe2(pair, 0x1000000));
    SHOW(pair[0]);
    SHOW(syscall(SYS_pipe2, 8, 0));
    SHOW(pipe2(pair, O_CLOEXEC | O_NONBLOCK));
    SHOW(fcntl(pair[0], F_GETFD));
    SHOW(fcntl(pair[0], F_GETFL));
    SHOW(fcntl(pair[1], F_GETFL));
    SHOW(read(pair[0], text, 1));
    SHOW(read(pair[0], text, 0));
    SHOW(read(pair[1], text, 1));
    SHOW(write(pair[0], text, 1));
    SHOW(write(pair[1], "abc", 3));
    SHOW(ioctl(pair[0], FIONREAD, &count));
    SHOW(count);
    SHOW(read(pair[0], text, 2));
    SHOW(read(pair[0], text, 10));
    close(pair[1]);
    SHOW(read(pair[0], text, 1));
    NEED(pipe(pair));
    close(pair[0]);
    signal(SIGPIPE, handler);
    SHOW(write(pair[1], "x", 1));
    SHOW(write(pair[1], "x", 0));
    signal(SIGPIPE, SIG_IGN);
    SHOW(write(pair[1], "x", 1));
    IN_CHILD("default", signal(SIGPIPE, SIG_DFL); write(pair[1], "x", 1));
    NEED(pipe(pair));
    pid_t child = NEED(fork());
    if (child == 0) {
        close(pair[1]);
        while (read(pair[0], text, 4) > 0)
            ;
        _exit(6);
    }
    NEED(write(pair[1], "0123456789", 10));
    close(pair[1]);
    reap("reader", child);
}
