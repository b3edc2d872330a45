// fallocate(2): modes, keep-size, punching, and the errors.
// also: --directfs=false --overlay2=none
#include "case.h"

static void size(int fd) {
    struct stat stat;
    fstat(fd, &stat);
    printf("  size %ld\n", (long)stat.st_size);
}

int main(void) {
    char text[4096];
    int fd = NEED(open("file", O_RDWR | O_CREAT, 0644)), pair[2];
    SHOW(fallocate(fd, 0, 0, 10000));
    size(fd);
    SHOW(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 50000));
    size(fd);
    memset(text, 'x', sizeof text);
    for (int i = 0; i < 3; i++) NEED(pwrite(fd, text, 4096, i * 4096));
    SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4000, 5000));
    NEED(pread(fd, text, 4096, 3000));
    printf("%d %d %d\n", text[999], text[1000], text[4095]);
    size(fd);
    SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 4096));
    SHOW(fallocate(fd, 0x100, 0, 4096));
    SHOW(fallocate(fd, 0, -1, 4096));
    SHOW(fallocate(fd, 0, 0, 0));
    SHOW(fallocate(fd, 0, 0, -1));
    SHOW(fallocate(fd, 0, LONG_MAX, 1));
    int read_only = NEED(open("file", O_RDONLY));
    SHOW(fallocate(read_only, 0, 0, 10));
    NEED(pipe(pair));
    SHOW(fallocate(pair[1], 0, 0, 10));
    int folder = NEED(open(".", O_RDONLY));
    SHOW(fallocate(folder, 0, 0, 10));
    CODE(posix_fallocate(fd, 0, 100000));
    size(fd);
    CODE(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
    CODE(posix_fadvise(fd, 0, 0, 99));
    CODE(posix_fadvise(pair[0], 0, 0, POSIX_FADV_NORMAL));
    SHOW(readahead(fd, 0, 4096));
}
