// Positions: read, write, lseek, pread, pwrite, and their errors.
// also: --directfs=false --overlay2=none
#include "case.h"

int main(void) {
    static char buffer[100000];
    int fd = NEED(open("file", O_RDWR | O_CREAT, 0644)), pair[2];
    SHOW(lseek(fd, 10, SEEK_SET));
    SHOW(write(fd, "x", 1));
    SHOW(lseek(fd, -5, SEEK_CUR));
    SHOW(lseek(fd, -100, SEEK_CUR));
    SHOW(lseek(fd, -12, SEEK_END));
    SHOW(lseek(fd, 0, 9));
    SHOW(pread(fd, buffer, 20, 0));
    printf("%d %d\n", buffer[9], buffer[10]);
    SHOW(pread(fd, buffer, 20, 11));
    SHOW(pread(fd, buffer, 20, 1000));
    SHOW(pread(fd, buffer, 20, -1));
    SHOW(pwrite(fd, buffer, 20, -1));
    SHOW(pwrite(fd, buffer, 1, LONG_MAX));
    SHOW(lseek(fd, 5, SEEK_SET));
    SHOW(pwrite(fd, "yy", 2, 0));
    SHOW(lseek(fd, 0, SEEK_CUR));
    // What cannot seek.
    NEED(pipe(pair));
    SHOW(lseek(pair[0], 0, SEEK_CUR));
    SHOW(pread(pair[0], buffer, 1, 0));
    SHOW(pwrite(pair[1], buffer, 1, 0));
    int folder = NEED(open(".", O_RDONLY));
    SHOW(read(folder, buffer, 10));
    SHOW(write(folder, buffer, 10));
    SHOW(pread(folder, buffer, 10, 0));
    SHOW(read(99, buffer, 1));
    int path = NEED(open("file", O_PATH));
    SHOW(read(path, buffer, 1));
    SHOW(lseek(path, 0, SEEK_SET));
    struct iovec vector[2] = {{buffer, 3}, {buffer + 10, 100}};
    SHOW(preadv(fd, vector, 2, 5));
    SHOW(preadv2(fd, vector, 2, -1, 0));
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(preadv2(fd, vector, 2, 0, 0x8000));
    SHOW(pwritev2(fd, vector, 1, 0, RWF_APPEND));
    struct stat stat;
    fstat(fd, &stat);
    SHOW(stat.st_size);
    SHOW(pwritev2(fd, vector, 1, 0, RWF_DSYNC));
}
