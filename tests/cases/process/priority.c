// nice(2), getpriority(2), setpriority(2).
#include "case.h"

int main(void) {
    SHOW(getpriority(PRIO_PROCESS, 0));
    SHOW(syscall(SYS_getpriority, PRIO_PROCESS, 0));
    SHOW(nice(5));
    SHOW(syscall(SYS_getpriority, PRIO_PROCESS, 0));
    SHOW(getpriority(9, 0));
    SHOW(getpriority(PRIO_PROCESS, 999999));
    SHOW(setpriority(PRIO_PROCESS, 999999, 1));
    SHOW(setpriority(PRIO_PROCESS, 0, 100));
    SHOW(getpriority(PRIO_PROCESS, 0));
    IN_CHILD("inherits", SHOW(getpriority(PRIO_PROCESS, 0)));
    IN_CHILD("group", {
        setpgid(0, 0);
        pid_t member = NEED(fork());
        if (member == 0) {
            pause();
            _exit(0);
        }
        setpriority(PRIO_PROCESS, 0, 19);
        setpriority(PRIO_PROCESS, member, 19);
        SHOW(getpriority(PRIO_PGRP, 0));
        kill(member, SIGKILL);
    });
    IN_CHILD("user", {
        BECOME(1000);
        SHOW(setpriority(PRIO_PROCESS, 0, 10));
        SHOW(setpriority(PRIO_PROCESS, getppid(), 19));
        SHOW(setpriority(PRIO_PROCESS, 0, 19));
        SHOW(nice(-1));
        SHOW(getpriority(PRIO_PROCESS, 0));
    });
}
