// eventfd(2): counters, semaphores, limits.
#include "case.h"
#include <sys/eventfd.h>

static void events(int fd) {
    struct pollfd query = {fd, POLLIN | POLLOUT};
    poll(&query, 1, 0);
    printf("  events %x\n", query.revents);
}

int main(void) {
    uint64_t value = 0;
    SHOW(eventfd(0, 0x1000));
    int fd = OK(eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC));
    SHOW(fcntl(fd, F_GETFD));
    events(fd);
    SHOW(read(fd, &value, 4));
    SHOW(read(fd, &value, 16));
    SHOW(value);
    SHOW(read(fd, &value, 8));
    events(fd);
    value = 5;
    SHOW(write(fd, &value, 8));
    SHOW(write(fd, &value, 8));
    SHOW(write(fd, &value, 4));
    SHOW(read(fd, &value, 8));
    SHOW(value);
    value = -1;
    SHOW(write(fd, &value, 8));
    value = -2;
    SHOW(write(fd, &value, 8));
    events(fd);
    value = 1;
    SHOW(write(fd, &value, 8));
    value = 0;
    SHOW(write(fd, &value, 8));
    SHOW(read(fd, &value, 8));
    SHOW(value == (uint64_t)-2);
    SHOW(lseek(fd, 0, SEEK_SET));
    SHOW(pread(fd, &value, 8, 0));
    int semaphore = OK(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK));
    SHOW(read(semaphore, &value, 8));
    SHOW(value);
    SHOW(read(semaphore, &value, 8));
    SHOW(read(semaphore, &value, 8));
    int blocking = OK(eventfd(0, 0));
    pid_t child = NEED(fork());
    if (child == 0) {
        sleep_ms(10);
        value = 7;
        NEED(write(blocking, &value, 8));
        _exit(0);
    }
    SHOW(read(blocking, &value, 8));
    SHOW(value);
    reap("child", child);
}
