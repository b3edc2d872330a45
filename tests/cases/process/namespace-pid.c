// A PID namespace: ids inside, ids outside, and the end of its init (pid_namespaces(7)).
#include "case.h"

static int init(void *unused) {
    printf("pid %d ppid %d sid %d\n", getpid(), getppid(), getsid(0));
    pid_t child = fork();
    if (child == 0) {
        printf("child pid %d ppid %d\n", getpid(), getppid());
        _exit(3);
    }
    reap("child", child);
    printf("forked %d\n", child);
    // Orphans belong to it.
    int gate[2];
    char byte;
    NEED(pipe(gate));
    child = fork();
    if (child == 0) {
        pid_t orphan = fork();
        if (orphan == 0) {
            NEED(read(gate[0], &byte, 1));
            printf("orphan's ppid %d\n", getppid());
            _exit(8);
        }
        _exit(0);
    }
    reap("middle", child);
    NEED(write(gate[1], "g", 1));
    reap("orphan", -1);
    // Signals without a handler do nothing to an init from inside.
    raise(SIGTERM);
    kill(1, SIGKILL);
    SHOW(kill(5000, 0));
    child = fork();
    if (child == 0)
        for (;;) pause();
    return 12;
}

int main(void) {
    static char stack[65536] __attribute__((aligned(16)));
    pid_t child = NEED(clone(init, stack + sizeof stack, CLONE_NEWPID | SIGCHLD, NULL));
    reap("init", child);
    IS(child > 1);
    IN_CHILD("unshare", {
        pid_t before = getpid();
        SHOW(unshare(CLONE_NEWPID));
        IS(getpid() == before);
        IN_CHILD("first child", SHOW(getpid()));
        // That namespace's init is gone: nothing can be born in it.
        SHOW(fork());
    });
}
