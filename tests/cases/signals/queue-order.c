// Pending signals: standard ones merge, real-time ones queue in order; lower numbers first (signal(7)).
#include "case.h"

static void handler(int signo, siginfo_t *info, void *context) {
    printf("%s %d\n", signal_name(signo), info->si_code == SI_QUEUE ? info->si_int : -1);
}

int main(void) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigfillset(&action.sa_mask);
    sigset_t all, old, pending;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &old);
    int sent[] = {SIGRTMIN + 2, SIGUSR2, SIGRTMIN, SIGUSR1, SIGRTMIN + 1, SIGHUP, SIGRTMAX, SIGTERM};
    for (int i = 0; i < 8; i++) sigaction(sent[i], &action, NULL);
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 8; i++) sigqueue(getpid(), sent[i], (union sigval){.sival_int = round});
    // Those for the thread come before those for the process.
    for (int i = 0; i < 2; i++) tgkill(getpid(), gettid(), sent[i]);
    sigpending(&pending);
    for (int signo = 1; signo < 65; signo++)
        if (sigismember(&pending, signo) == 1) printf("pending %s\n", signal_name(signo));
    sigprocmask(SIG_SETMASK, &old, NULL);
    sigpending(&pending);
    SHOW(sigisemptyset(&pending));
    // A pending signal that becomes ignored is gone.
    sigprocmask(SIG_BLOCK, &all, NULL);
    raise(SIGUSR1);
    raise(SIGCHLD);
    signal(SIGUSR1, SIG_IGN);
    sigpending(&pending);
    SHOW(sigismember(&pending, SIGUSR1));
    // An ignored but blocked one is kept.
    raise(SIGUSR1);
    sigpending(&pending);
    SHOW(sigismember(&pending, SIGUSR1));
    SHOW(sigismember(&pending, SIGCHLD));
}
