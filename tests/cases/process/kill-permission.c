// Whom kill(2) may signal.
#include "case.h"

int main(void) {
    pid_t root = NEED(fork());
    if (root == 0)
        for (;;) pause();
    pid_t user = NEED(fork());
    if (user == 0) {
        BECOME(1000);
        for (;;) pause();
    }
    await_state(user, 'S');
    SHOW(kill(999999, 0));
    SHOW(kill(root, 65));
    SHOW(kill(root, -1));
    SHOW(tgkill(root, 999999, 0));
    SHOW(tgkill(-1, root, 0));
    SHOW(tgkill(root, root, 0));
    SHOW(syscall(SYS_tkill, root, 0));
    SHOW(syscall(SYS_tkill, 0, 0));
    IN_CHILD("same user", {
        BECOME(1000);
        SHOW(kill(root, 0));
        SHOW(kill(root, SIGKILL));
        // SIGCONT needs only the same session.
        SHOW(kill(root, SIGCONT));
        SHOW(kill(user, SIGUSR1));
        SHOW(kill(1, 0));
        // The group holds processes of others: one success is enough.
        signal(SIGUSR1, SIG_IGN);
        SHOW(tgkill(root, root, SIGUSR1));
        siginfo_t info = {.si_code = SI_QUEUE};
        SHOW(syscall(SYS_rt_sigqueueinfo, root, SIGUSR1, &info));
        info.si_code = SI_USER;
        SHOW(syscall(SYS_rt_sigqueueinfo, user, SIGUSR1, &info));
        SHOW(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &info));
    });
    IN_CHILD("saved user", {
        NEED(setresuid(5, 5, 5));
        SHOW(kill(user, 0));
    });
    reap("user", user);
    SHOW(kill(user, 0));
    kill(root, SIGKILL);
    reap("root", root);
    // A zombie can be signalled.
    pid_t zombie = NEED(fork());
    if (zombie == 0) _exit(3);
    siginfo_t info;
    waitid(P_PID, zombie, &info, WEXITED | WNOWAIT);
    SHOW(kill(zombie, SIGKILL));
    reap("zombie", zombie);
}
