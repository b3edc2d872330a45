// PR_SET_PDEATHSIG(2const): the signal at the parent's death; cleared by fork.
#include "case.h"
#include <sys/prctl.h>

int main(void) {
    int value = -1, out[2], gate[2];
    SHOW(prctl(PR_GET_PDEATHSIG, &value));
    SHOW(value);
    SHOW(prctl(PR_SET_PDEATHSIG, 65));
    SHOW(prctl(PR_SET_PDEATHSIG, -1));
    SHOW(prctl(PR_SET_PDEATHSIG, SIGUSR1));
    IN_CHILD("child", prctl(PR_GET_PDEATHSIG, &value); printf("in a child %d\n", value));
    prctl(PR_GET_PDEATHSIG, &value);
    SHOW(value);
    NEED(pipe(out));
    NEED(pipe(gate));
    pid_t middle = NEED(fork());
    if (middle == 0) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGUSR2);
        sigprocmask(SIG_BLOCK, &set, NULL);
        if (NEED(fork()) == 0) {
            prctl(PR_SET_PDEATHSIG, SIGUSR2);
            NEED(write(out[1], "r", 1));
            siginfo_t info;
            struct timespec limit = {15, 0};
            int signo = sigtimedwait(&set, &info, &limit);
            NEED(read(gate[0], &(char){0}, 1));
            printf("got %s code %d\n", signal_name(signo), info.si_code);
            _exit(0);
        }
        char byte;
        NEED(read(out[0], &byte, 1));
        _exit(0);
    }
    reap("middle", middle);
    NEED(write(gate[1], "g", 1));
    close(out[1]);
    char byte;
    SHOW(read(out[0], &byte, 1));
}
