// The init of a PID namespace ends when the last zombie in it was waited for, by whomever.
#include "case.h"

int main(void) {
    IN_CHILD("outside", {
        int pair[2];
        NEED(pipe(pair));
        NEED(unshare(CLONE_NEWPID));
        pid_t init = NEED(fork());
        if (init == 0) {
            char byte;
            NEED(read(pair[0], &byte, 1));
            _exit(5);
        }
        pid_t other = NEED(fork());
        if (other == 0) _exit(6);
        siginfo_t info;
        NEED(waitid(P_PID, other, &info, WEXITED | WNOWAIT));
        NEED(write(pair[1], "x", 1));
        sleep_ms(100);
        // The other one keeps it.
        SHOW(waitpid(init, NULL, WNOHANG));
        reap("other", other);
        reap("init", init);
    });
    // Nobody waits for it but who gets it in the end.
    IN_CHILD("killed", {
        int pair[2];
        NEED(pipe(pair));
        pid_t middle = NEED(fork());
        if (middle == 0) {
            NEED(unshare(CLONE_NEWPID));
            if (NEED(fork()) == 0) {
                char byte;
                NEED(read(pair[0], &byte, 1));
                _exit(5);
            }
            if (NEED(fork()) == 0) _exit(6);
            siginfo_t info;
            NEED(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT));
            NEED(write(pair[1], "x", 1));
            for (;;) pause();
        }
        close(pair[1]);
        sleep_ms(100);
        kill(middle, SIGKILL);
        reap("middle", middle);
        // The namespace's init holds the other end no more.
        char byte;
        SHOW(read(pair[0], &byte, 1));
    });
}
