// RLIMIT_FSIZE: SIGXFSZ, or EFBIG and a short write (getrlimit(2)).
#include "case.h"

static void handler(int signo) { printf("signal %s\n", signal_name(signo)); }

int main(void) {
    struct rlimit limit = {1000, 1000};
    NEED(setrlimit(RLIMIT_FSIZE, &limit));
    static char block[600];
    int fd = NEED(open("file", O_RDWR | O_CREAT, 0644));
    IN_CHILD("default action", {
        SHOW(write(fd, block, 600));
        SHOW(write(fd, block, 600));
        SHOW(write(fd, block, 600));
    });
    signal(SIGXFSZ, handler);
    SHOW(lseek(fd, 0, SEEK_END));
    SHOW(write(fd, block, 1));
    SHOW(ftruncate(fd, 1000));
    SHOW(ftruncate(fd, 1001));
    SHOW(fallocate(fd, 0, 0, 2000));
    SHOW(pwrite(fd, block, 10, 995));
    SHOW(pwrite(fd, block, 10, 5000));
    SHOW(pwrite(fd, block, 0, 5000));
    struct stat stat;
    fstat(fd, &stat);
    SHOW(stat.st_size);
    // Pipes have no such limit.
    int pair[2];
    NEED(pipe(pair));
    static char big[5000];
    SHOW(write(pair[1], big, sizeof big));
}
