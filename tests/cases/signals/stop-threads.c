// A stop stops all threads, a continue wakes all; SIGCONT discards pending stops and the reverse.
#include "case.h"
#include <pthread.h>

static volatile long *counters;
static void *spin(void *given) {
    for (;;) counters[(long)given]++;
    return NULL;
}

static void sleep_quarter(void) { sleep_ms(20); }

static void handler(int signo) { printf("handler %s\n", signal_name(signo)); }

int main(void) {
    int status;
    counters = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = NEED(fork());
    if (child == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, spin, (void *)0);
        pthread_create(&thread, NULL, spin, (void *)1);
        for (;;) pause();
    }
    while (!counters[0] || !counters[1]) sleep_ms(1);
    kill(child, SIGSTOP);
    waitpid(child, &status, WUNTRACED);
    print_status("child", status);
    long first = counters[0], second = counters[1];
    sleep_quarter();
    IS(counters[0] == first && counters[1] == second);
    kill(child, SIGCONT);
    waitpid(child, &status, WCONTINUED);
    print_status("child", status);
    long start = now_ms();
    while ((counters[0] == first || counters[1] == second) && now_ms() - start < 15000) sleep_ms(1);
    IS(counters[0] != first && counters[1] != second);
    kill(child, SIGKILL);
    reap("child", child);

    IN_CHILD("discard", {
        sigset_t set;
        sigfillset(&set);
        sigprocmask(SIG_SETMASK, &set, NULL);
        raise(SIGTSTP);
        raise(SIGCONT);
        sigpending(&set);
        printf("after CONT: TSTP %d CONT %d\n", sigismember(&set, SIGTSTP), sigismember(&set, SIGCONT));
        signal(SIGCONT, handler);
        raise(SIGCONT);
        raise(SIGTTIN);
        sigpending(&set);
        printf("after TTIN: TTIN %d CONT %d\n", sigismember(&set, SIGTTIN), sigismember(&set, SIGCONT));
    });
    // SIGCONT continues even if it is blocked or ignored.
    child = NEED(fork());
    if (child == 0) {
        sigset_t set;
        sigfillset(&set);
        sigprocmask(SIG_SETMASK, &set, NULL);
        signal(SIGCONT, SIG_IGN);
        raise(SIGSTOP);
        _exit(7);
    }
    waitpid(child, &status, WUNTRACED);
    kill(child, SIGCONT);
    reap("blocked", child);
}
