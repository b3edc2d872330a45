// Stopping and continuing without a handler: sleeps and waits go on where they were.
#include "case.h"
#include <sys/epoll.h>

static void stopped_twice(pid_t child) {
    for (int i = 0; i < 2; i++) {
        int status;
        await_state(child, 'S');
        kill(child, SIGSTOP);
        waitpid(child, &status, WUNTRACED);
        print_status("child", status);
        sleep_ms(5);
        kill(child, SIGCONT);
    }
}

#define DURING(...)                                                                                    \
    do {                                                                                               \
        pid_t child = NEED(fork());                                                                    \
        if (child == 0) {                                                                              \
            __VA_ARGS__;                                                                               \
            _exit(0);                                                                                  \
        }                                                                                              \
        stopped_twice(child);                                                                          \
        reap("end", child);                                                                            \
    } while (0)

int main(void) {
    int pair[2];
    char byte;
    NEED(pipe(pair));
    struct timespec time = {0, 500000000};
    struct pollfd poll_fd = {pair[0], POLLIN, 0};
    DURING(SHOW(nanosleep(&time, NULL)));
    DURING(SHOW(poll(&poll_fd, 1, 500)));
    DURING(SHOW(select(0, NULL, NULL, NULL, &(struct timeval){0, 500000})));
    DURING(alarm(1); struct itimerval at = {{0, 0}, {0, 500000}}; signal(SIGALRM, SIG_DFL); setitimer(ITIMER_REAL, &at, NULL); read(pair[0], &byte, 1));
    DURING({
        // epoll_wait is one of the calls that a stop interrupts.
        int epoll = NEED(epoll_create1(0));
        struct epoll_event event;
        SHOW(epoll_wait(epoll, &event, 1, 500));
        sleep_ms(500);
    });
}
