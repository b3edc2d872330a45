// wait(2): which child, which order, and the errors.
#include "case.h"

int main(void) {
    int status = 0;
    SHOW(wait(&status));
    SHOW(waitpid(-1, &status, WNOHANG));
    SHOW(waitpid(999999, &status, 0));
    SHOW(waitpid(-1, &status, 0x1000));
    SHOW(waitpid(INT_MIN, &status, 0));

    int gate[2];
    NEED(pipe(gate));
    pid_t child = NEED(fork());
    if (child == 0) {
        char byte;
        close(gate[1]);
        NEED(read(gate[0], &byte, 1));
        _exit(5);
    }
    SHOW(waitpid(child, &status, WNOHANG));
    SHOW(waitpid(getpid(), &status, 0));
    close(gate[1]);
    IS(waitpid(child, &status, 0) == child);
    print_status("child", status);
    SHOW(waitpid(child, &status, 0));

    // Three zombies at once: a wait for one leaves the others.
    pid_t pids[3];
    for (int i = 0; i < 3; i++)
        if ((pids[i] = NEED(fork())) == 0) _exit(10 + i);
    for (int i = 2; i >= 0; i--) {
        IS(waitpid(pids[i], &status, 0) == pids[i]);
        print_status("zombie", status);
    }
    SHOW(wait4(-1, NULL, 0, NULL));

    // A status that cannot be written: the child is reaped all the same.
    child = NEED(fork());
    if (child == 0) _exit(0);
    SHOW(wait4(child, (int *)8, 0, NULL));
    SHOW(waitpid(child, &status, 0));
}
