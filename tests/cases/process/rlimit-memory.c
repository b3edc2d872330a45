// RLIMIT_AS and RLIMIT_DATA turn into ENOMEM; RLIMIT_STACK into SIGSEGV.
// link: static
#include "case.h"

static int deep(int level) {
    volatile char block[4096];
    block[0] = level;
    return level == 0 ? 0 : deep(level - 1) + block[0];
}

static void limit_to(int resource, size_t size) {
    struct rlimit limit = {size, size};
    NEED(setrlimit(resource, &limit));
}

#define MAP(size, prot, flags) (mmap(NULL, size, prot, flags, -1, 0) == MAP_FAILED ? -1 : 0)

int main(void) {
    IN_CHILD("address space", {
        limit_to(RLIMIT_AS, 64 << 20);
        SHOW(MAP(32 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS));
        SHOW(MAP(48 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS));
        SHOW(MAP(48 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE));
        SHOW(sbrk(48 << 20));
        SHOW(malloc(100 << 20));
    });
    IN_CHILD("data", {
        limit_to(RLIMIT_DATA, 16 << 20);
        SHOW(MAP(32 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS));
        SHOW(MAP(32 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS));
        SHOW(MAP(32 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS));
        SHOW(sbrk(32 << 20));
        SHOW(MAP(4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS));
    });
    IN_CHILD("stack", {
        limit_to(RLIMIT_STACK, 256 << 10);
        SHOW(deep(20));
        SHOW(deep(200));
    });
    IN_CHILD("deeper without the limit", SHOW(deep(500) != 0));
}
