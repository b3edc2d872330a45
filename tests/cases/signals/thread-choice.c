// A signal for the process goes to a thread that does not block it; one for a thread stays there.
#include "case.h"
#include <pthread.h>

static __thread const char *name = "main";
static volatile int ran;
static void handler(int signo) {
    printf("%s ran in %s\n", signal_name(signo), name);
    ran++;
}

static int gate[2];
static void *worker(void *given) {
    name = given;
    sigset_t set;
    sigfillset(&set);
    if (strcmp(name, "open") == 0) sigdelset(&set, SIGUSR1);
    pthread_sigmask(SIG_SETMASK, &set, NULL);
    char byte;
    NEED(write(gate[1], "r", 1));
    for (;;) {
        siginfo_t info;
        sigset_t one;
        sigemptyset(&one);
        sigaddset(&one, SIGTERM);
        if (sigwaitinfo(&one, &info) == SIGTERM) break;
    }
    sigpending(&set);
    printf("%s pending USR2 %d\n", name, sigismember(&set, SIGUSR2));
    (void)byte;
    return NULL;
}

int main(void) {
    NEED(pipe(gate));
    signal(SIGUSR1, handler);
    signal(SIGUSR2, handler);
    sigset_t set;
    sigfillset(&set);
    pthread_sigmask(SIG_SETMASK, &set, NULL);
    pthread_t shut, open;
    char ready[2];
    pthread_create(&shut, NULL, worker, "shut");
    NEED(read(gate[0], ready, 1));
    pthread_create(&open, NULL, worker, "open");
    NEED(read(gate[0], ready, 1));
    for (int i = 0; i < 3; i++) {
        kill(getpid(), SIGUSR1);
        while (ran <= i) sleep_ms(1);
    }
    pthread_kill(shut, SIGUSR2);
    sigpending(&set);
    SHOW(sigismember(&set, SIGUSR2));
    pthread_kill(shut, SIGTERM);
    pthread_join(shut, NULL);
    pthread_kill(open, SIGTERM);
    pthread_join(open, NULL);
    // Pending for the process: any thread sees and may take it.
    kill(getpid(), SIGUSR2);
    sigpending(&set);
    SHOW(sigismember(&set, SIGUSR2));
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    CODE(pthread_kill(pthread_self(), 65));
    CODE(pthread_kill(pthread_self(), 0));
}
