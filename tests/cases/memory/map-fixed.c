// MAP_FIXED replaces, MAP_FIXED_NOREPLACE refuses, hints are followed where free (mmap(2)).
#include "case.h"

int main(void) {
    int anonymous = MAP_PRIVATE | MAP_ANONYMOUS, rw = PROT_READ | PROT_WRITE;
    char *area = mmap(NULL, 10 * 4096, rw, anonymous, -1, 0);
    memset(area, 'a', 10 * 4096);
    IS(mmap(area + 4096, 4096, rw, anonymous | MAP_FIXED, -1, 0) == area + 4096);
    printf("%d %d %d\n", area[0], area[4096], area[8192]);
    SHOW(mmap(area + 8192, 4096, rw, anonymous | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED ? -1 : 0);
    SHOW(mmap(area - 4096, 8192, rw, anonymous | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED ? -1 : 0);
    munmap(area + 8192, 8192);
    IS(mmap(area + 8192, 8192, rw, anonymous | MAP_FIXED_NOREPLACE, -1, 0) == area + 8192);
    munmap(area + 8192, 8192);
    IS(mmap(area + 8192, 4096, rw, anonymous, -1, 0) == area + 8192);
    // A hint that is taken: somewhere else. One that is not aligned: rounded down.
    IS(mmap(area, 4096, rw, anonymous, -1, 0) != area);
    IS(mmap(area + 3 * 4096 + 100, 4096, rw, anonymous, -1, 0) == area + 3 * 4096);
    printf("%d %d %d\n", area[0], area[8192], area[5 * 4096]);
    // New mappings go downwards, next to each other.
    char *one = mmap(NULL, 4096, PROT_NONE, anonymous, -1, 0), *two = mmap(NULL, 4096, PROT_READ, anonymous, -1, 0);
    IS(two < one);
    // Below 4 GiB on request.
    IS((uintptr_t)mmap(NULL, 4096, rw, anonymous | MAP_32BIT, -1, 0) < 1UL << 31);
    // A low address.
    IS(mmap((void *)0x10000, 4096, rw, anonymous | MAP_FIXED, -1, 0) == (void *)0x10000);
    IN_CHILD("below the lowest", BECOME(1000); SHOW(mmap(0, 4096, rw, anonymous | MAP_FIXED, -1, 0) == MAP_FAILED ? -1 : 0));
}
