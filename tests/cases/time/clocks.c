// clock_gettime(2), clock_getres(2), gettimeofday, time: agreement, order, errors.
#include "case.h"
#include <sys/timex.h>

static long ns(clockid_t clock) {
    struct timespec time = {0};
    clock_gettime(clock, &time);
    return time.tv_sec * 1000000000 + time.tv_nsec;
}

int main(void) {
    struct timespec at;
    clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW,
                          CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_TAI};
    for (int i = 0; i < 9; i++) {
        printf("clock %d: %d", clocks[i], clock_gettime(clocks[i], &at));
        long before = ns(clocks[i]);
        int backwards = 0;
        for (int j = 0; j < 1000; j++) {
            long now = ns(clocks[i]);
            backwards += now < before;
            before = now;
        }
        clock_getres(clocks[i], &at);
        printf(" backwards %d resolution %ld.%09ld\n", backwards, (long)at.tv_sec, at.tv_nsec);
    }
    SHOW(clock_gettime(99, &at));
    SHOW(clock_gettime(-5, &at));
    SHOW(clock_getres(99, &at));
    SHOW(clock_getres(CLOCK_MONOTONIC, NULL));
    SHOW(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, 8));
    SHOW(clock_settime(CLOCK_MONOTONIC, &at));
    IN_CHILD("user", BECOME(1000); SHOW(clock_settime(CLOCK_REALTIME, &(struct timespec){1000000000, 0})));
    // The library's fast path and the system call agree.
    struct timespec fast, slow, again;
    clock_gettime(CLOCK_MONOTONIC, &fast);
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &slow);
    clock_gettime(CLOCK_MONOTONIC, &again);
    long a = fast.tv_sec * 1000000000 + fast.tv_nsec, b = slow.tv_sec * 1000000000 + slow.tv_nsec, c = again.tv_sec * 1000000000 + again.tv_nsec;
    IS(a <= b && b <= c);
    struct timeval day;
    struct timezone zone = {9, 9};
    SHOW(gettimeofday(&day, NULL));
    SHOW(syscall(SYS_gettimeofday, &day, &zone));
    SHOW(zone.tz_minuteswest);
    IS(labs((long)day.tv_sec - (long)time(NULL)) <= 1);
}
