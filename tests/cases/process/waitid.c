// waitid(2): the siginfo it fills, WNOWAIT, and the errors.
#include "case.h"

static void show(const char *what, const siginfo_t *info, pid_t child) {
    printf("%s: signo %d code %d status %d errno %d pid %s uid %d\n", what, info->si_signo, info->si_code, info->si_status,
           info->si_errno, info->si_pid == child ? "child" : info->si_pid ? "other" : "0", info->si_uid);
}

int main(void) {
    siginfo_t info;
    memset(&info, 0xff, sizeof info);
    SHOW(waitid(P_ALL, 0, &info, WEXITED));
    SHOW(waitid(P_ALL, 0, &info, 0));
    SHOW(waitid(P_ALL, 0, &info, WNOHANG));
    SHOW(waitid(17, 0, &info, WEXITED));
    SHOW(waitid(P_PID, 0, &info, WEXITED));
    SHOW(waitid(P_PIDFD, 9999, &info, WEXITED));

    pid_t child = NEED(fork());
    if (child == 0) _exit(77);
    SHOW(waitid(P_PID, child, &info, WEXITED | WNOWAIT));
    show("nowait", &info, child);
    SHOW(waitid(P_PGID, getpgrp(), &info, WEXITED));
    show("exited", &info, child);
    SHOW(waitid(P_PID, child, &info, WEXITED));

    child = NEED(fork());
    if (child == 0) {
        raise(SIGSTOP);
        raise(SIGKILL);
    }
    SHOW(waitid(P_PID, child, &info, WSTOPPED));
    show("stopped", &info, child);
    memset(&info, 0xff, sizeof info);
    SHOW(waitid(P_PID, child, &info, WSTOPPED | WEXITED | WNOHANG));
    printf("nothing yet: signo %d pid %d\n", info.si_signo, info.si_pid);
    kill(child, SIGCONT);
    SHOW(waitid(P_PID, child, &info, WEXITED));
    show("killed", &info, child);
    SHOW(waitid(P_ALL, 0, NULL, WEXITED | WNOHANG));
}
