// timer_create(2): notification, overruns, absolute times, CPU clocks, errors.
#include "case.h"
#include <pthread.h>

static volatile int count, overrun, value, thread_count;
static void handler(int signo, siginfo_t *info, void *context) {
    count++;
    overrun = info->si_overrun;
    value = info->si_int;
}
static void in_thread(union sigval given) { thread_count += given.sival_int; }

int main(void) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGRTMIN, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    timer_t timer, other;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 42};
    SHOW(timer_create(99, &event, &timer));
    event.sigev_signo = 65;
    SHOW(timer_create(CLOCK_MONOTONIC, &event, &timer));
    event.sigev_signo = SIGRTMIN;
    event.sigev_notify = 77;
    SHOW(timer_create(CLOCK_MONOTONIC, &event, &timer));
    event.sigev_notify = SIGEV_SIGNAL;
    SHOW(timer_create(CLOCK_MONOTONIC, &event, &timer));
    struct itimerspec set = {{0, 0}, {0, 10000000}}, old;
    SHOW(timer_settime(timer, 0, &set, NULL));
    while (!count) sched_yield();
    printf("value %d overrun %d\n", value, overrun);
    // Blocked while it expires many times: one signal, the rest are overruns.
    sigset_t block;
    sigemptyset(&block);
    sigaddset(&block, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &block, NULL);
    set.it_interval.tv_nsec = set.it_value.tv_nsec = 5000000;
    SHOW(timer_settime(timer, 0, &set, NULL));
    sleep_ms(60);
    count = 0;
    SHOW(timer_settime(timer, 0, &(struct itimerspec){{0, 0}, {100, 0}}, &old));
    printf("interval %ld\n", old.it_interval.tv_nsec);
    SHOW(timer_gettime(timer, &old));
    IS(old.it_value.tv_sec == 99);
    sigprocmask(SIG_UNBLOCK, &block, NULL);
    IS(count <= 1);
    clock_gettime(CLOCK_MONOTONIC, &set.it_value);
    set.it_interval.tv_nsec = 0;
    count = 0;
    SHOW(timer_settime(timer, TIMER_ABSTIME, &set, NULL));
    while (!count) sched_yield();
    SHOW(timer_settime(timer, 0, &(struct itimerspec){{0, 0}, {0, -1}}, NULL));
    SHOW(timer_create(CLOCK_REALTIME, NULL, &other));
    count = 0;
    SHOW(timer_settime(other, 0, &(struct itimerspec){{0, 0}, {0, 1000000}}, NULL));
    while (!count) sched_yield();
    IN_CHILD("not inherited", SHOW(timer_gettime(timer, &old)));
    SHOW(timer_delete(other));
    SHOW(syscall(SYS_timer_delete, 12345));
    SHOW(syscall(SYS_timer_gettime, 12345, &old));
    SHOW(syscall(SYS_timer_getoverrun, 12345));
    event = (struct sigevent){.sigev_notify = SIGEV_THREAD, .sigev_notify_function = in_thread, .sigev_value.sival_int = 3};
    SHOW(timer_create(CLOCK_MONOTONIC, &event, &other));
    SHOW(timer_settime(other, 0, &(struct itimerspec){{0, 0}, {0, 1000000}}, NULL));
    for (int i = 0; i < 10000 && !thread_count; i++) sleep_ms(1);
    SHOW(thread_count);
    event = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    SHOW(timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &other));
    count = 0;
    SHOW(timer_settime(other, 0, &(struct itimerspec){{0, 0}, {0, 20000000}}, NULL));
    while (!count)
        ;
    event.sigev_notify = SIGEV_NONE;
    SHOW(timer_create(CLOCK_MONOTONIC, &event, &other));
    SHOW(timer_settime(other, 0, &(struct itimerspec){{0, 0}, {50, 0}}, NULL));
    SHOW(timer_gettime(other, &old));
    IS(old.it_value.tv_sec == 49);
}
