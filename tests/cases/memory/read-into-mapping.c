// System calls on memory that is not there, not writable, or maps a file: counts and EFAULT.
#include "case.h"

int main(void) {
    char *area = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(area + 2 * 4096, 4096);
    mprotect(area + 3 * 4096, 4096, PROT_READ);
    int zero = NEED(open("/dev/zero", O_RDONLY)), pair[2];
    int fd = NEED(open("file", O_RDWR | O_CREAT, 0644));
    NEED(pipe(pair));
    memset(area, 'm', 2 * 4096);
    SHOW(read(zero, area + 2 * 4096, 10));
    SHOW(read(zero, area + 3 * 4096, 10));
    SHOW(read(zero, NULL, 10));
    SHOW(read(zero, NULL, 0));
    SHOW(write(fd, area + 2 * 4096, 10));
    SHOW(write(fd, area + 2 * 4096 - 10, 20));
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(write(pair[1], area + 2 * 4096 - 10, 20));
    SHOW(write(pair[1], area, 30));
    SHOW(read(pair[0], area + 2 * 4096, 10));
    SHOW(pread(fd, area + 3 * 4096, 10, 0));
    SHOW(read(pair[0], area + 4096, 100));
    SHOW(write(pair[1], (void *)0xffff800000000000, 10));
    SHOW(write(pair[1], (void *)-10, 5));
    SHOW(read(zero, area, -1UL));
    SHOW(stat("file", (struct stat *)(area + 3 * 4096)));
    SHOW(stat(area + 2 * 4096, (struct stat *)area));
    // A path that runs into the hole.
    memset(area + 4096, 'p', 4096);
    SHOW(open(area + 4096 + 4000, O_RDONLY));
    strcpy(area + 2 * 4096 - 5, "file");
    OK(open(area + 2 * 4096 - 5, O_RDONLY));
    // Into a shared mapping of the very file. Where source and target overlap, the outcome depends on the processor.
    NEED(pwrite(fd, "abcdefghij", 10, 0));
    char *mapping = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    SHOW(pwrite(fd, mapping, 10, 10));
    print_file("file");
    SHOW(pread(fd, mapping + 6, 6, 0));
    print_file("file");
    struct iovec vector[3] = {{area, 4}, {area + 2 * 4096, 4}, {area, 4}};
    SHOW(writev(fd, vector, 3));
    SHOW(readv(zero, vector, 3));
    SHOW(writev(fd, vector, 0));
    SHOW(writev(fd, vector, 1025));
    SHOW(writev(fd, vector, -1));
    SHOW(writev(fd, NULL, 1));
    vector[0].iov_len = -1;
    SHOW(writev(fd, vector, 1));
}
