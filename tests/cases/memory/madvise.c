// madvise(2): what each advice does to contents, and the errors.
#include "case.h"
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

static char *fresh(int flags, int fd) {
    char *area = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, flags, fd, 0);
    memset(area, 'x', 4 * 4096);
    return area;
}

int main(void) {
    char *area = fresh(MAP_PRIVATE | MAP_ANONYMOUS, -1);
    SHOW(madvise(area, 4096, MADV_DONTNEED));
    printf("%d %d\n", area[0], area[4096]);
    SHOW(madvise(area + 1, 4096, MADV_DONTNEED));
    SHOW(madvise(area, 0, MADV_DONTNEED));
    SHOW(madvise(area, 1, MADV_DONTNEED));
    SHOW(madvise(area, -1UL, MADV_DONTNEED));
    SHOW(madvise(area, 4096, 999));
    SHOW(madvise(area, 4096, MADV_WILLNEED));
    SHOW(madvise(area, 4096, MADV_SEQUENTIAL));
    SHOW(madvise(area, 4096, MADV_RANDOM));
    SHOW(madvise(area, 4096, MADV_NORMAL));
    SHOW(madvise(area, 4096, MADV_HUGEPAGE));
    SHOW(madvise(area, 4096, MADV_NOHUGEPAGE));
    SHOW(madvise(area, 4096, MADV_DONTDUMP));
    SHOW(madvise(area, 4096, MADV_DODUMP));
    SHOW(madvise(area, 4096, MADV_COLD));
    SHOW(madvise(area, 4096, MADV_PAGEOUT));
    SHOW(madvise(area, 4 * 4096, MADV_POPULATE_READ));
    SHOW(madvise(area, 4 * 4096, MADV_POPULATE_WRITE));
    SHOW(madvise(area, 4096, MADV_REMOVE));
    // Holes: the rest is advised, then ENOMEM.
    munmap(area + 4096, 4096);
    memset(area + 2 * 4096, 'y', 4096);
    SHOW(madvise(area, 3 * 4096, MADV_DONTNEED));
    printf("%d\n", area[2 * 4096]);
    SHOW(madvise(area, 3 * 4096, MADV_POPULATE_READ));
    mprotect(area, 4096, PROT_READ);
    SHOW(madvise(area, 4096, MADV_POPULATE_WRITE));
    SHOW(madvise(area, 4096, MADV_FREE));

    char *shared = fresh(MAP_SHARED | MAP_ANONYMOUS, -1);
    SHOW(madvise(shared, 4096, MADV_DONTNEED));
    printf("%c\n", shared[0]);
    SHOW(madvise(shared, 4096, MADV_FREE));
    SHOW(madvise(shared, 4096, MADV_REMOVE));
    printf("%d %c\n", shared[0], shared[4096]);

    write_file("file", "file contents");
    int fd = NEED(open("file", O_RDWR));
    NEED(ftruncate(fd, 4 * 4096));
    char *private = fresh(MAP_PRIVATE, fd);
    SHOW(madvise(private, 4096, MADV_DONTNEED));
    printf("%.13s\n", private);
    SHOW(madvise(private, 4096, MADV_FREE));

    char *wipe = fresh(MAP_PRIVATE | MAP_ANONYMOUS, -1), *keep = fresh(MAP_PRIVATE | MAP_ANONYMOUS, -1);
    char *gone = fresh(MAP_PRIVATE | MAP_ANONYMOUS, -1);
    SHOW(madvise(wipe, 4096, MADV_WIPEONFORK));
    SHOW(madvise(shared, 4096, MADV_WIPEONFORK));
    SHOW(madvise(gone, 4096, MADV_DONTFORK));
    SHOW(madvise(keep, 4096, MADV_DONTFORK));
    SHOW(madvise(keep, 4096, MADV_DOFORK));
    IN_CHILD("fork", printf("%d %c %c\n", wipe[0], wipe[4096], keep[0]); SHOW(msync(gone, 4096, MS_ASYNC)); gone[0] = 1);
    printf("%c\n", wipe[0]);
}
