// mincore(2), mlock(2), mlockall(2): answers and errors.
#include "case.h"

int main(void) {
    unsigned char vector[4] = {9, 9, 9, 9};
    char *area = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(area, 4 * 4096, MADV_NOHUGEPAGE);
    area[4096] = 1;
    SHOW(mincore(area, 4 * 4096, vector));
    printf("%d %d %d %d\n", vector[0] & 1, vector[1] & 1, vector[2] & 1, vector[3] & 1);
    SHOW(mincore(area + 1, 4096, vector));
    SHOW(mincore(area, 4096, (void *)8));
    SHOW(mincore(area, 0, vector));
    SHOW(mlock(area, 2 * 4096));
    SHOW(mincore(area, 4 * 4096, vector));
    printf("%d %d %d %d\n", vector[0] & 1, vector[1] & 1, vector[2] & 1, vector[3] & 1);
    SHOW(munlock(area, 4096));
    SHOW(mlock2(area, 4096, MLOCK_ONFAULT));
    SHOW(mlock2(area, 4096, 8));
    munmap(area + 2 * 4096, 4096);
    SHOW(mincore(area, 4 * 4096, vector));
    SHOW(mlock(area, 4 * 4096));
    SHOW(munlock(area, 4 * 4096));
    SHOW(mlockall(0));
    SHOW(mlockall(8));
    SHOW(mlockall(MCL_ONFAULT));
    SHOW(munlockall());
    struct rlimit limit = {8192, 8192};
    NEED(setrlimit(RLIMIT_MEMLOCK, &limit));
    IN_CHILD("user", {
        BECOME(1000);
        char *more = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        SHOW(mlock(more, 8192));
        SHOW(mlock(more + 8192, 4096));
        SHOW(mlock(more, 8192));
        SHOW(mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0) == MAP_FAILED ? -1 : 0);
        SHOW(munlock(more, 4096));
        SHOW(mlock(more + 8192, 4096));
        limit.rlim_cur = 0;
        NEED(setrlimit(RLIMIT_MEMLOCK, &limit));
        SHOW(mlock(more, 4096));
    });
}
