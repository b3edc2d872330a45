// What a child gets of its own: memory, descriptors (with shared positions), no pending signals, no timers, no locks.
#include "case.h"
#include <pthread.h>

static int data = 1;

int main(void) {
    write_file("file", "0123456789");
    int fd = NEED(open("file", O_RDWR));
    int *heap = malloc(sizeof *heap), stack = 3;
    *heap = 2;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
    alarm(100);
    struct flock lock = {.l_type = F_WRLCK};
    NEED(fcntl(fd, F_SETLK, &lock));
    IN_CHILD("child", {
        printf("%d %d %d\n", data, *heap, stack);
        data = *heap = stack = 9;
        char byte;
        NEED(read(fd, &byte, 1));
        printf("read %c\n", byte);
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        fcntl(fd, F_SETFL, O_APPEND);
        sigpending(&set);
        SHOW(sigismember(&set, SIGUSR1));
        SHOW(alarm(0));
        SHOW(fcntl(fd, F_SETLK, &lock));
        sigprocmask(SIG_BLOCK, NULL, &set);
        SHOW(sigismember(&set, SIGUSR1));
        close(0);
    });
    printf("%d %d %d\n", data, *heap, stack);
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(fcntl(fd, F_GETFD));
    SHOW(fcntl(fd, F_GETFL) & O_APPEND);
    SHOW(fcntl(0, F_GETFD));
    IS(alarm(0) > 90);
    sigpending(&set);
    SHOW(sigismember(&set, SIGUSR1));
}
