// mremap(2): shrink, grow in place, move, fixed, DONTUNMAP, and the errors.
#include "case.h"

static char *fresh(int pages) {
    char *area = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < pages; i++) area[i * 4096] = 'a' + i;
    return area;
}

#define MOVE(...) SHOW(mremap(__VA_ARGS__) == MAP_FAILED ? -1 : 0)

int main(void) {
    char *area = fresh(16), *hole;
    munmap(area + 8 * 4096, 8 * 4096);
    IS(mremap(area, 8 * 4096, 4 * 4096, 0) == area);
    SHOW(msync(area + 4 * 4096, 4096, MS_ASYNC));
    IS(mremap(area, 4 * 4096, 8 * 4096, 0) == area);
    printf("%c %d\n", area[3 * 4096], area[4 * 4096]);
    // No room to grow.
    hole = mmap(area + 8 * 4096, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    MOVE(area, 8 * 4096, 9 * 4096, 0);
    char *moved = mremap(area, 8 * 4096, 100 * 4096, MREMAP_MAYMOVE);
    IS(moved != MAP_FAILED && moved != area);
    printf("%c %c %d\n", moved[0], moved[3 * 4096], moved[99 * 4096]);
    SHOW(msync(area, 4096, MS_ASYNC));
    munmap(hole, 4096);
    // To a fixed place, over what is there.
    char *target = fresh(4);
    IS(mremap(moved, 2 * 4096, 2 * 4096, MREMAP_MAYMOVE | MREMAP_FIXED, target + 4096) == target + 4096);
    printf("%c %c %c %c\n", target[0], target[4096], target[2 * 4096], target[3 * 4096]);
    MOVE(target, 4096, 4096, MREMAP_FIXED, moved);
    MOVE(target, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, moved + 1);
    MOVE(target, 4 * 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, target + 4096);
    MOVE(target + 1, 4096, 8192, MREMAP_MAYMOVE);
    MOVE(target, 4096, 0, MREMAP_MAYMOVE);
    MOVE(target, 4096, 4096, 8);
    MOVE(target, 0, 4096, MREMAP_MAYMOVE);
    MOVE((void *)0x10000, 4096, 8192, MREMAP_MAYMOVE);
    MOVE(target, 4096, 1UL << 47, MREMAP_MAYMOVE);
    // Across a hole.
    munmap(target + 4096, 4096);
    MOVE(target, 3 * 4096, 10 * 4096, MREMAP_MAYMOVE);
    // The old place stays, empty.
    char *keep = fresh(2);
    char *there = mremap(keep, 8192, 8192, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    SHOW(there == MAP_FAILED ? -1 : 0);
    printf("%c %c %d %d\n", there[0], there[4096], keep[0], keep[4096]);
    MOVE(keep, 8192, 4096, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
    // Shared memory is duplicated by an old size of zero.
    char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *twin = mremap(shared, 0, 4096, MREMAP_MAYMOVE);
    IS(twin != MAP_FAILED);
    strcpy(shared, "both");
    puts(twin);
    // A part of a mapping.
    char *big = fresh(6);
    char *part = mremap(big + 2 * 4096, 4096, 3 * 4096, MREMAP_MAYMOVE);
    printf("%c %d %c %c\n", part[0], part[4096], big[0], big[3 * 4096]);
    SHOW(msync(big + 2 * 4096, 4096, MS_ASYNC));
}
