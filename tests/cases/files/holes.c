// SEEK_DATA and SEEK_HOLE (lseek(2)), and what a hole reads as.
// also: --directfs=false --overlay2=none
#include "case.h"

int main(void) {
    static char buffer[4096];
    int fd = NEED(open("file", O_RDWR | O_CREAT, 0644)), pair[2];
    SHOW(lseek(fd, 0, SEEK_DATA));
    SHOW(lseek(fd, 0, SEEK_HOLE));
    NEED(pwrite(fd, buffer, 4096, 0));
    memset(buffer, 'd', sizeof buffer);
    NEED(pwrite(fd, buffer, 4096, 1 << 20));
    NEED(ftruncate(fd, 2 << 20));
    SHOW(lseek(fd, 0, SEEK_DATA));
    SHOW(lseek(fd, 0, SEEK_HOLE));
    SHOW(lseek(fd, 8192, SEEK_DATA));
    SHOW(lseek(fd, 1 << 20, SEEK_HOLE));
    SHOW(lseek(fd, (1 << 20) + 100, SEEK_DATA));
    SHOW(lseek(fd, (1 << 20) + 4096, SEEK_DATA));
    SHOW(lseek(fd, 2 << 20, SEEK_HOLE));
    SHOW(lseek(fd, -1, SEEK_HOLE));
    struct stat stat;
    fstat(fd, &stat);
    SHOW(stat.st_size);
    IS(stat.st_blocks >= 16 && stat.st_blocks < 100);
    SHOW(pread(fd, buffer, 100, 500000));
    printf("%d\n", buffer[50]);
    NEED(pipe(pair));
    SHOW(lseek(pair[0], 0, SEEK_DATA));
}
