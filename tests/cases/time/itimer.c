// setitimer(2), alarm(2): kinds, intervals, time left, inheritance.
#include "case.h"

static volatile int ran[65];
static void handler(int signo) { ran[signo]++; }

int main(void) {
    signal(SIGALRM, handler);
    signal(SIGVTALRM, handler);
    signal(SIGPROF, handler);
    struct itimerval set = {{0, 10000}, {0, 10000}}, old;
    long start = now_ms();
    SHOW(setitimer(ITIMER_REAL, &set, NULL));
    while (ran[SIGALRM] < 5) pause();
    IS(now_ms() - start >= 49);
    SHOW(setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {100, 0}}, &old));
    printf("interval %ld\n", (long)old.it_interval.tv_usec);
    SHOW(alarm(50));
    SHOW(getitimer(ITIMER_REAL, &old));
    printf("%ld\n", (long)old.it_value.tv_sec + (old.it_value.tv_usec > 0));
    IN_CHILD("child", getitimer(ITIMER_REAL, &old); printf("%ld\n", (long)old.it_value.tv_sec));
    SHOW(alarm(0));
    SHOW(alarm(0));
    set = (struct itimerval){{0, 0}, {0, 30000}};
    SHOW(setitimer(ITIMER_VIRTUAL, &set, NULL));
    while (!ran[SIGVTALRM])
        ;
    SHOW(setitimer(ITIMER_PROF, &set, NULL));
    while (!ran[SIGPROF]) getppid();
    set.it_value.tv_usec = 1000000;
    SHOW(setitimer(ITIMER_REAL, &set, NULL));
    set.it_value = (struct timeval){-1, 0};
    SHOW(setitimer(ITIMER_REAL, &set, NULL));
    SHOW(setitimer(9, &set, NULL));
    SHOW(getitimer(9, &old));
    SHOW(getitimer(ITIMER_REAL, (struct itimerval *)8));
    IN_CHILD("default action", alarm(1); setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 1000}}, NULL); signal(SIGALRM, SIG_DFL); pause());
}
