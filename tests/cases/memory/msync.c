// msync(2): flags and errors.
#include "case.h"

int main(void) {
    int fd = NEED(open("file", O_RDWR | O_CREAT, 0644));
    NEED(ftruncate(fd, 8192));
    char *area = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    strcpy(area, "synced");
    SHOW(msync(area, 8192, MS_SYNC));
    print_file("file");
    SHOW(msync(area, 8192, MS_ASYNC));
    SHOW(msync(area, 8192, MS_INVALIDATE));
    SHOW(msync(area, 8192, MS_SYNC | MS_ASYNC));
    SHOW(msync(area, 8192, 64));
    SHOW(msync(area, 0, MS_SYNC));
    SHOW(msync(area + 1, 4096, MS_SYNC));
    SHOW(msync(area, 100, 0));
    munmap(area + 4096, 4096);
    SHOW(msync(area, 8192, MS_SYNC));
    SHOW(msync(area, -1UL, MS_SYNC));
    SHOW(fsync(fd));
    SHOW(fdatasync(fd));
    SHOW(fsync(99));
    int pair[2];
    NEED(pipe(pair));
    SHOW(fsync(pair[0]));
    SHOW(sync_file_range(fd, 0, 4096, SYNC_FILE_RANGE_WRITE));
    SHOW(sync_file_range(fd, -1, 4096, 0));
    SHOW(sync_file_range(pair[0], 0, 0, 0));
    SHOW(syncfs(fd));
}
