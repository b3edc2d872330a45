// Clocks that would wake the machine: the host may have none.
#include "case.h"
#include <sys/timerfd.h>

int main(void) {
    static const clockid_t clocks[] = {CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM, CLOCK_TAI, 10, 12};
    for (int i = 0; i < 5; i++) {
        struct timespec time = {0, 1};
        struct sigevent event = {.sigev_notify = SIGEV_NONE};
        timer_t timer;
        printf("clock %d\n", clocks[i]);
        SHOW(clock_gettime(clocks[i], &time));
        SHOW(clock_getres(clocks[i], NULL));
        time = (struct timespec){0, 1};
        CODE(clock_nanosleep(clocks[i], 0, &time, NULL));
        CODE(clock_nanosleep(clocks[i], TIMER_ABSTIME, &time, NULL));
        OK(timer_create(clocks[i], &event, &timer));
        int fd = OK(timerfd_create(clocks[i], 0));
        struct itimerspec setting = {.it_value = {0, 1000}};
        if (fd == -1) continue;
        SHOW(timerfd_settime(fd, 0, &setting, NULL));
        uint64_t count;
        SHOW(read(fd, &count, sizeof count));
        SHOW(timerfd_settime(fd, TFD_TIMER_ABSTIME, &setting, NULL));
        SHOW(read(fd, &count, sizeof count));
    }
}
