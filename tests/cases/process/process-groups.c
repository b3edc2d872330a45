// setpgid(2): joins, and every error.
#include "case.h"

int main(int argc, char **argv) {
    if (argc > 1) {
        pause();
        return 0;
    }
    SHOW(setpgid(0, -1));
    SHOW(setpgid(-5, 0));
    SHOW(setpgid(999999, 0));
    IN_CHILD("neither the caller nor its child", SHOW(setpgid(getppid(), 0)));
    SHOW(getpgid(999999));
    int ready[2];
    NEED(pipe2(ready, O_CLOEXEC));
    pid_t executed = NEED(fork());
    if (executed == 0) {
        execl("/proc/self/exe", "case", "wait", NULL);
        _exit(1);
    }
    close(ready[1]);
    char byte;
    SHOW(read(ready[0], &byte, 1));
    SHOW(setpgid(executed, executed));

    pid_t leader = NEED(fork());
    if (leader == 0) {
        pause();
        _exit(0);
    }
    SHOW(setpgid(leader, 0));
    IS(getpgid(leader) == leader);
    pid_t member = NEED(fork());
    if (member == 0) {
        pause();
        _exit(0);
    }
    SHOW(setpgid(member, leader));
    IS(getpgid(member) == leader);
    SHOW(setpgid(member, 999999));
    SHOW(setpgid(member, executed));
    SHOW(kill(-leader, SIGUSR1));
    reap("leader", leader);
    reap("member", member);
    SHOW(kill(-leader, 0));
    SHOW(setpgid(0, leader));
    kill(executed, SIGKILL);
    reap("executed", executed);
}
