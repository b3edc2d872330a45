// The exit status keeps eight bits, and a signal's death is told apart (wait(2)).
#include "case.h"

int main(void) {
    IN_CHILD("0", _exit(0));
    IN_CHILD("1", _exit(1));
    IN_CHILD("255", _exit(255));
    IN_CHILD("256", _exit(256));
    IN_CHILD("-1", _exit(-1));
    IN_CHILD("abort", abort());
    IN_CHILD("kill", raise(SIGKILL));
    IN_CHILD("term", raise(SIGTERM));
    IN_CHILD("rt", raise(SIGRTMIN + 3));
    IN_CHILD("ignored by default", raise(SIGCHLD); raise(SIGURG); raise(SIGWINCH); raise(SIGCONT));
    IN_CHILD("exit_group of a raw call", syscall(SYS_exit_group, 7));
    IN_CHILD("exit of the only thread", syscall(SYS_exit, 8));
    return 42;
}
