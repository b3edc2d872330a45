// CPU clocks of processes and threads count work, not sleep (clock_getcpuclockid(3)).
#include "case.h"
#include <pthread.h>

static long ms(clockid_t clock) {
    struct timespec time;
    if (clock_gettime(clock, &time)) return -1;
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void *burn(void *unused) {
    while (ms(CLOCK_THREAD_CPUTIME_ID) < 60)
        ;
    return NULL;
}

int main(void) {
    long before = ms(CLOCK_PROCESS_CPUTIME_ID);
    sleep_ms(50);
    IS(ms(CLOCK_PROCESS_CPUTIME_ID) - before < 20);
    pthread_t thread;
    clockid_t clock;
    pthread_create(&thread, NULL, burn, NULL);
    CODE(pthread_getcpuclockid(thread, &clock));
    pthread_join(thread, NULL);
    IS(ms(CLOCK_PROCESS_CPUTIME_ID) - before >= 55);
    IS(ms(CLOCK_THREAD_CPUTIME_ID) < 50);
    CODE(clock_getcpuclockid(0, &clock));
    IS(ms(clock) >= 55);
    CODE(clock_getcpuclockid(999999, &clock));
    pid_t child = NEED(fork());
    if (child == 0) {
        burn(NULL);
        pause();
    }
    CODE(clock_getcpuclockid(child, &clock));
    for (int i = 0; i < 10000 && ms(clock) < 50; i++) sleep_ms(1);
    IS(ms(clock) >= 50);
    kill(child, SIGKILL);
    reap("child", child);
}
