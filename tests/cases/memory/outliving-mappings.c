// Mappings that outlive what made them: unlinked files, closed descriptors, ended processes, mremap of shared pages.
#include "case.h"

int main(void) {
    int fd = NEED(open("file", O_RDWR | O_CREAT, 0600));
    NEED(ftruncate(fd, 3 * 4096));
    char *map = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    NEED(unlink("file"));
    close(fd);
    strcpy(map + 5000, "kept");
    IN_CHILD("child", strcat(map + 5000, " and shared"));
    puts(map + 5000);
    char *moved = mremap(map, 3 * 4096, 5 * 4096, MREMAP_MAYMOVE);
    IS(moved != MAP_FAILED);
    puts(moved + 5000);
    IN_CHILD("beyond the file", moved[4 * 4096] = 1);
    char *twice = mremap(moved, 0, 3 * 4096, MREMAP_MAYMOVE);
    IS(twice != MAP_FAILED && twice != moved);
    strcpy(twice, "twice");
    puts(moved);
    SHOW(munmap(moved, 5 * 4096));
    puts(twice);
    SHOW(mprotect(twice, 4096, PROT_NONE));
    IN_CHILD("no access", twice[0] = 1);
    IN_CHILD("next page", twice[4096] = 1);
    char *anonymous = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = NEED(fork());
    if (child == 0) {
        pid_t grandchild = NEED(fork());
        if (grandchild == 0) {
            sleep_ms(20);
            anonymous[3 * 4096] = 42;
            anonymous[0] = 1;
            _exit(0);
        }
        _exit(0);
    }
    reap("child", child);
    while (!*(volatile char *)anonymous) sched_yield();
    SHOW(anonymous[3 * 4096]);
    SHOW(madvise(anonymous, 4 * 4096, MADV_REMOVE));
    SHOW(anonymous[3 * 4096]);
    SHOW(madvise(anonymous, 4 * 4096, MADV_DONTNEED));
}
