// With SIGCHLD ignored, or SA_NOCLDWAIT, children leave no zombie; SA_NOCLDSTOP hides stops.
#include "case.h"

static volatile int count;
static void handler(int signo) { count++; }

int main(void) {
    int status;
    signal(SIGCHLD, SIG_IGN);
    pid_t child = NEED(fork());
    if (child == 0) _exit(3);
    SHOW(waitpid(child, &status, 0));

    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_NOCLDWAIT | SA_RESTART};
    sigaction(SIGCHLD, &action, NULL);
    child = NEED(fork());
    if (child == 0) _exit(3);
    SHOW(waitpid(child, &status, 0));
    printf("handler ran %d\n", count);

    // A zombie that was there before keeps its status.
    action.sa_flags = SA_RESTART | SA_NOCLDSTOP;
    sigaction(SIGCHLD, &action, NULL);
    count = 0;
    child = NEED(fork());
    if (child == 0) {
        raise(SIGSTOP);
        _exit(4);
    }
    waitpid(child, &status, WUNTRACED);
    printf("after the stop: %d\n", count);
    kill(child, SIGCONT);
    siginfo_t info;
    waitid(P_PID, child, &info, WEXITED | WNOWAIT);
    printf("after the exit: %d\n", count);
    signal(SIGCHLD, SIG_IGN);
    SHOW(waitpid(child, &status, WNOHANG) == child);
    SHOW(waitpid(child, &status, WNOHANG));
}
