// brk(2): growth, shrinking, what comes back zeroed, and limits.
// link: static
#include "case.h"

int main(void) {
    char *start = (char *)syscall(SYS_brk, 0);
    IS(start != NULL);
    IS((char *)syscall(SYS_brk, start + 100000) == start + 100000);
    memset(start, 7, 100000);
    IS((char *)syscall(SYS_brk, start + 5000) == start + 5000);
    IS((char *)syscall(SYS_brk, start + 100000) == start + 100000);
    uintptr_t page = ((uintptr_t)start + 5000 + 4095) & -4096UL;
    printf("%d %d\n", start[4999], *(char *)page);
    // Refused: the answer is the current break.
    IS((char *)syscall(SYS_brk, 1) == start + 100000);
    IS((char *)syscall(SYS_brk, 0x7fffffffffff) == start + 100000);
    IS((char *)syscall(SYS_brk, -1L) == start + 100000);
    char *above = (char *)(((uintptr_t)start + 100000 + 4095) & -4096UL) + 16 * 4096;
    IS(mmap(above, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == above);
    IS((char *)syscall(SYS_brk, above + 1) == start + 100000);
    IN_CHILD("child", IS((char *)syscall(SYS_brk, 0) == start + 100000); IS(start[0] == 7));
    IS((char *)syscall(SYS_brk, start) == start);
    IS(sbrk(0) != (void *)-1);
}
