// The errors of mmap(2), munmap(2), mprotect(2), in the order Linux checks.
#include "case.h"

#define MAP(address, size, prot, flags, fd, offset) \
    SHOW(mmap((void *)(address), size, prot, flags, fd, offset) == MAP_FAILED ? -1 : 0)

int main(void) {
    write_file("file", "text");
    int read_only = NEED(open("file", O_RDONLY)), write_only = NEED(open("file", O_WRONLY)), pair[2];
    int path = NEED(open("file", O_PATH)), folder = NEED(open(".", O_RDONLY));
    NEED(pipe(pair));
    int anonymous = MAP_PRIVATE | MAP_ANONYMOUS, rw = PROT_READ | PROT_WRITE;
    MAP(0, 0, rw, anonymous, -1, 0);
    MAP(0, -1UL, rw, anonymous, -1, 0);
    MAP(0, 1UL << 47, rw, anonymous, -1, 0);
    MAP(0, 4096, rw, MAP_ANONYMOUS, -1, 0);
    MAP(0, 4096, rw, MAP_SHARED_VALIDATE | MAP_ANONYMOUS | (1 << 29), -1, 0);
    MAP(0, 4096, rw, MAP_SHARED | MAP_ANONYMOUS | (1 << 29), -1, 0);
    MAP(0, 4096, rw, anonymous, -1, 1);
    MAP(1, 4096, rw, anonymous | MAP_FIXED, -1, 0);
    MAP(0x7ffffffff000, 4096, rw, anonymous | MAP_FIXED, -1, 0);
    MAP(0x7fffffffe000, 8192, rw, anonymous | MAP_FIXED, -1, 0);
    MAP(0xffff800000000000, 4096, rw, anonymous | MAP_FIXED, -1, 0);
    MAP(0, 4096, PROT_READ, MAP_PRIVATE, 99, 0);
    MAP(0, 4096, PROT_READ, MAP_PRIVATE, path, 0);
    MAP(0, 4096, PROT_READ, MAP_PRIVATE, folder, 0);
    MAP(0, 4096, PROT_READ, MAP_PRIVATE, pair[0], 0);
    MAP(0, 4096, PROT_READ, MAP_PRIVATE, write_only, 0);
    MAP(0, 4096, rw, MAP_SHARED, read_only, 0);
    MAP(0, 4096, rw, MAP_PRIVATE, read_only, 0);
    MAP(0, 4096, PROT_READ, MAP_PRIVATE, read_only, 4095);
    MAP(0, 4096, PROT_READ, MAP_PRIVATE, read_only, -4096);
    MAP(0, 8192, PROT_READ, MAP_PRIVATE, read_only, 0x7ffffffffffff000);
    MAP(0, 4096, PROT_READ, MAP_PRIVATE, read_only, 1 << 20);
    MAP(0, 4096, 0x40, anonymous, -1, 0);
    MAP(0, 4096, rw, anonymous | MAP_HUGETLB | (3 << 26), -1, 0);

    char *page = mmap(NULL, 8192, PROT_READ, MAP_SHARED, read_only, 0);
    SHOW(mprotect(page, 4096, rw));
    SHOW(mprotect(page + 1, 4096, PROT_READ));
    SHOW(mprotect(page, 0, PROT_READ));
    SHOW(mprotect(page, 4096, 0x40));
    SHOW(mprotect(page, 4096, PROT_READ | PROT_GROWSUP | PROT_GROWSDOWN));
    SHOW(munmap(page + 1, 4096));
    SHOW(munmap(page, 0));
    SHOW(munmap(page, -1UL));
    SHOW(munmap((void *)0x800000000000, 4096));
    SHOW(munmap(page + 4096, 4096));
    SHOW(munmap(page + 4096, 4096));
    SHOW(mprotect(page, 8192, PROT_READ));
    SHOW(mprotect(page + 4096, 4096, PROT_READ));
}
