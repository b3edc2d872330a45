// An orphan belongs to the nearest subreaper, which gets its status and SIGCHLD (PR_SET_CHILD_SUBREAPER(2const)).
#include "case.h"
#include <sys/prctl.h>

int main(void) {
    int value = -1, status, go[2], tell[2];
    SHOW(prctl(PR_GET_CHILD_SUBREAPER, &value));
    SHOW(value);
    SHOW(prctl(PR_SET_CHILD_SUBREAPER, 1));
    NEED(pipe(go));
    NEED(pipe(tell));
    pid_t middle = NEED(fork());
    if (middle == 0) {
        prctl(PR_GET_CHILD_SUBREAPER, &value);
        printf("inherited by a child: %d\n", value);
        pid_t orphan = NEED(fork());
        if (orphan == 0) {
            char byte;
            close(go[1]);
            NEED(read(go[0], &byte, 1));
            pid_t parent = getppid();
            NEED(write(tell[1], &parent, sizeof parent));
            _exit(33);
        }
        _exit(0);
    }
    reap("middle", middle);
    close(go[1]);
    pid_t parent = 0;
    NEED(read(tell[0], &parent, sizeof parent));
    IS(parent == getpid());
    IS(wait(&status) > 0);
    print_status("orphan", status);
    SHOW(wait(&status));
}
