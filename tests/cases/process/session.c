// setsid(2) and getsid(2).
#include "case.h"

int main(void) {
    SHOW(getsid(999999));
    SHOW(getsid(-1));
    IS(getsid(0) == getsid(getpid()));
    IN_CHILD("child", {
        IS(getsid(0) == getsid(getppid()));
        IS(getpgrp() != getpid());
        OK(setsid());
        IS(getsid(0) == getpid());
        IS(getpgrp() == getpid());
        SHOW(setsid());
        SHOW(setpgid(0, 0));
        SHOW(open("/dev/tty", O_RDWR));
        // A child of a leader is in its session, and may lead one of its own.
        IN_CHILD("grandchild", {
            IS(getsid(0) == getppid());
            OK(setsid());
            // The parent is in another session now.
            SHOW(setpgid(getppid(), 0));
        });
    });
    IN_CHILD("group leader", {
        NEED(setpgid(0, 0));
        SHOW(setsid());
    });
}
