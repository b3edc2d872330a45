// Large reservations, MAP_NORESERVE, and sizes that cannot be.
#include "case.h"

int main(void) {
    int anonymous = MAP_PRIVATE | MAP_ANONYMOUS, rw = PROT_READ | PROT_WRITE;
    char *area = mmap(NULL, 64UL << 30, PROT_NONE, anonymous | MAP_NORESERVE, -1, 0);
    IS(area != MAP_FAILED);
    SHOW(mprotect(area + (32UL << 30), 4096, rw));
    area[32UL << 30] = 5;
    SHOW(munmap(area, 64UL << 30));
    area = mmap(NULL, 1UL << 40, PROT_NONE, anonymous | MAP_NORESERVE, -1, 0);
    IS(area != MAP_FAILED);
    SHOW(madvise(area, 1UL << 40, MADV_DONTNEED));
    SHOW(munmap(area, 1UL << 40));
    SHOW(mmap(NULL, 1UL << 46, rw, anonymous, -1, 0) == MAP_FAILED ? -1 : 0);
    // Many small areas.
    int made = 0;
    char *many = mmap(NULL, 4000 * 4096, PROT_NONE, anonymous, -1, 0);
    for (int i = 0; i < 4000; i += 2) made += mprotect(many + i * 4096L, 4096, rw) == 0;
    SHOW(made);
    many[2 * 4096] = 1;
    SHOW(munmap(many, 4000 * 4096));
    // A stack area grows down on faults.
    char *stack = mmap(NULL, 64 * 4096, PROT_NONE, anonymous, -1, 0);
    munmap(stack, 64 * 4096);
    char *low = mmap(stack + 60 * 4096, 4096, rw, anonymous | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
    IS(low == stack + 60 * 4096);
    low[0] = 1;
}
