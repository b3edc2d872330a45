// The signal that a child sends at its end (clone(2)), and which wait(2) sees it (__WALL, __WCLONE).
#include "case.h"

static volatile int got;
static void handler(int signo) { got = signo; }

static pid_t raw_clone(unsigned long flags) {
    pid_t child = syscall(SYS_clone, flags, 0, 0, 0, 0);
    if (child == 0) syscall(SYS_exit_group, 5);
    return child;
}

int main(void) {
    int status;
    signal(SIGUSR1, handler);
    signal(SIGCHLD, handler);
    pid_t child = raw_clone(SIGUSR1);
    for (int i = 0; i < 10000 && !got; i++) sleep_ms(1);
    printf("got %s\n", signal_name(got));
    SHOW(waitpid(child, &status, 0));
    IS(waitpid(child, &status, __WCLONE) == child);
    print_status("clone child", status);

    got = 0;
    child = raw_clone(0);
    await_state(child, 'Z');
    SHOW(got);
    IS(waitpid(child, &status, __WALL) == child);
    print_status("silent child", status);

    child = raw_clone(SIGCHLD);
    SHOW(waitpid(child, &status, __WCLONE));
    IS(waitpid(child, &status, 0) == child);
    printf("got %s\n", signal_name(got));
    // Signals that do not exist: nothing is sent.
    IS(raw_clone(200) > 0);
    IS(raw_clone(65) > 0);
    IS(waitpid(-1, &status, __WALL) > 0);
    IS(waitpid(-1, &status, __WALL) > 0);
    // A child of the caller's parent is not the caller's.
    IN_CHILD("middle", {
        pid_t sibling = raw_clone(CLONE_PARENT | SIGCHLD);
        IS(sibling > 0);
        SHOW(wait(NULL));
    });
    IS(wait(&status) > 0);
    print_status("sibling", status);
}
