// timerfd_create(2): one shot, intervals, absolute times, errors.
#include "case.h"
#include <sys/timerfd.h>

int main(void) {
    uint64_t expired = 0;
    SHOW(timerfd_create(99, 0));
    SHOW(timerfd_create(CLOCK_MONOTONIC, 0x1000));
    SHOW(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
    int fd = OK(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    SHOW(read(fd, &expired, 8));
    struct itimerspec set = {{0, 0}, {0, 200000000}}, old;
    SHOW(timerfd_settime(fd, 0, &set, NULL));
    SHOW(read(fd, &expired, 4));
    SHOW(read(fd, &expired, 8));
    struct pollfd query = {fd, POLLIN};
    SHOW(poll(&query, 1, 10000));
    SHOW(read(fd, &expired, 8));
    SHOW(expired);
    SHOW(read(fd, &expired, 8));
    SHOW(timerfd_gettime(fd, &old));
    printf("%ld %ld\n", (long)old.it_value.tv_sec, old.it_value.tv_nsec);
    set = (struct itimerspec){{0, 10000000}, {0, 10000000}};
    SHOW(timerfd_settime(fd, 0, &set, NULL));
    sleep_ms(55);
    SHOW(read(fd, &expired, 8));
    IS(expired >= 5 && expired < 500);
    SHOW(timerfd_settime(fd, 0, &(struct itimerspec){{0, 0}, {100, 0}}, &old));
    printf("interval %ld\n", old.it_interval.tv_nsec);
    SHOW(timerfd_gettime(fd, &old));
    IS(old.it_value.tv_sec == 99);
    // Setting clears what had expired.
    SHOW(read(fd, &expired, 8));
    // A time in the past.
    set = (struct itimerspec){{0, 0}, {1, 0}};
    SHOW(timerfd_settime(fd, TFD_TIMER_ABSTIME, &set, NULL));
    SHOW(poll(&query, 1, 1000));
    SHOW(read(fd, &expired, 8));
    SHOW(expired);
    clock_gettime(CLOCK_MONOTONIC, &set.it_value);
    set.it_value.tv_sec += 50;
    SHOW(timerfd_settime(fd, TFD_TIMER_ABSTIME, &set, NULL));
    SHOW(timerfd_gettime(fd, &old));
    IS(old.it_value.tv_sec == 49);
    SHOW(timerfd_settime(fd, 0, &(struct itimerspec){{0, 0}, {0, 1000000000}}, NULL));
    SHOW(timerfd_settime(fd, 0, &(struct itimerspec){{0, 0}, {-1, 0}}, NULL));
    SHOW(timerfd_settime(fd, 0x100, &set, NULL));
    SHOW(timerfd_settime(0, 0, &set, NULL));
    SHOW(timerfd_settime(fd, 0, (struct itimerspec *)8, NULL));
    SHOW(timerfd_settime(fd, 0, &(struct itimerspec){{0, 0}, {0, 0}}, NULL));
    SHOW(poll(&query, 1, 0));
    int real = OK(timerfd_create(CLOCK_REALTIME, 0));
    SHOW(timerfd_settime(real, 0, &(struct itimerspec){{0, 0}, {0, 10000000}}, NULL));
    SHOW(read(real, &expired, 8));
    SHOW(expired);
    OK(timerfd_create(CLOCK_BOOTTIME, 0));
}
