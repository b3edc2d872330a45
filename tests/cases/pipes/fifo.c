// Named pipes: who waits for whom at open (fifo(7)).
#include "case.h"

int main(void) {
    char text[10];
    NEED(mkfifo("fifo", 0644));
    SHOW(mkfifo("fifo", 0644));
    SHOW(open("fifo", O_WRONLY | O_NONBLOCK));
    long start = now_ms();
    pid_t child = NEED(fork());
    if (child == 0) {
        sleep_ms(20);
        int fd = NEED(open("fifo", O_WRONLY));
        NEED(write(fd, "hello", 5));
        _exit(0);
    }
    int fd = NEED(open("fifo", O_RDONLY));
    IS(now_ms() - start >= 15);
    SHOW(read(fd, text, 10));
    SHOW(read(fd, text, 10));
    reap("writer", child);
    // A new writer ends the end of file.
    int writer = NEED(open("fifo", O_WRONLY | O_NONBLOCK));
    NEED(fcntl(fd, F_SETFL, O_NONBLOCK));
    SHOW(read(fd, text, 10));
    NEED(write(writer, "x", 1));
    close(writer);
    SHOW(read(fd, text, 10));
    SHOW(read(fd, text, 10));
    close(fd);
    // Contents are gone with the last opener.
    int both = NEED(open("fifo", O_RDWR | O_NONBLOCK));
    SHOW(write(both, "abc", 3));
    close(both);
    both = NEED(open("fifo", O_RDWR | O_NONBLOCK));
    SHOW(read(both, text, 3));
    unlink("fifo");
    SHOW(write(both, "abc", 3));
    SHOW(read(both, text, 3));
    SHOW(lseek(both, 0, SEEK_SET));
    struct stat stat;
    fstat(both, &stat);
    printf("%o links %ld\n", stat.st_mode, (long)stat.st_nlink);
}
