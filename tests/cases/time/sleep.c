// nanosleep(2), clock_nanosleep(2): length, time left, absolute, errors.
#include "case.h"

static void handler(int signo) {}

int main(void) {
    struct timespec left = {9, 9}, at;
    long start = now_ms();
    SHOW(nanosleep(&(struct timespec){0, 50000000}, &left));
    IS(now_ms() - start >= 50 && now_ms() - start < 5000);
    SHOW(left.tv_sec);
    SHOW(nanosleep(&(struct timespec){0, 0}, NULL));
    SHOW(nanosleep(&(struct timespec){0, 1000000000}, NULL));
    SHOW(nanosleep(&(struct timespec){-1, 0}, NULL));
    SHOW(nanosleep((struct timespec *)8, NULL));
    CODE(clock_nanosleep(CLOCK_REALTIME, 0, &(struct timespec){0, 1000000}, NULL));
    CODE(clock_nanosleep(99, 0, &(struct timespec){0, 1000000}, NULL));
    CODE(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &(struct timespec){0, 1000000}, NULL));
    CODE(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &(struct timespec){1, 0}, NULL));
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += 30000000;
    if (at.tv_nsec >= 1000000000) at.tv_sec++, at.tv_nsec -= 1000000000;
    start = now_ms();
    CODE(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL));
    IS(now_ms() - start >= 28);
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval soon = {{0, 20000}, {0, 20000}};
    setitimer(ITIMER_REAL, &soon, NULL);
    SHOW(nanosleep(&(struct timespec){15, 0}, &left));
    IS(left.tv_sec >= 5 && left.tv_sec < 15);
    setitimer(ITIMER_REAL, &soon, NULL);
    at.tv_sec += 15;
    left.tv_sec = 77;
    CODE(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, &left));
    SHOW(left.tv_sec);
    setitimer(ITIMER_REAL, &soon, NULL);
    SHOW(sleep(2));
    setitimer(ITIMER_REAL, &soon, NULL);
    SHOW(pause());
}
