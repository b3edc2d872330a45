// A blocking open of a FIFO is interrupted by a signal.
#include "case.h"

static void handler(int signo) {}

int main(void) {
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGALRM, &action, NULL);
    NEED(mkfifo("fifo", 0644));
    struct itimerval soon = {{0, 20000}, {0, 20000}};
    setitimer(ITIMER_REAL, &soon, NULL);
    SHOW(open("fifo", O_RDONLY));
    setitimer(ITIMER_REAL, &soon, NULL);
    SHOW(open("fifo", O_WRONLY));
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, NULL);
    pid_t child = NEED(fork());
    if (child == 0) {
        sleep_ms(60);
        open("fifo", O_WRONLY);
        _exit(0);
    }
    setitimer(ITIMER_REAL, &soon, NULL);
    OK(open("fifo", O_RDONLY));
    reap("writer", child);
}
