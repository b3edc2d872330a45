// How areas split and merge, as /proc/self/maps shows it.
#include "case.h"

static char *area;

static void show(const char *what) {
    printf("%s:", what);
    FILE *file = fopen("/proc/self/maps", "r");
    char line[500];
    unsigned long start, end;
    char prot[8];
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "%lx-%lx %4s", &start, &end, prot) == 3 && start < (uintptr_t)area + 64 * 4096 && end > (uintptr_t)area)
            printf(" %ld-%ld %s", (long)(start - (uintptr_t)area) / 4096, (long)(end - (uintptr_t)area) / 4096, prot);
    printf("\n");
    fclose(file);
}

int main(void) {
    int anonymous = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, rw = PROT_READ | PROT_WRITE;
    area = mmap(NULL, 66 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(area, 66 * 4096);
    area += 4096;
    mmap(area, 10 * 4096, rw, anonymous, -1, 0);
    show("one");
    mprotect(area + 3 * 4096, 2 * 4096, PROT_READ);
    show("split");
    mprotect(area + 3 * 4096, 2 * 4096, rw);
    show("merged");
    munmap(area + 4 * 4096, 4096);
    show("hole");
    mmap(area + 4 * 4096, 4096, rw, anonymous, -1, 0);
    show("filled");
    mmap(area + 10 * 4096, 4096, rw, anonymous, -1, 0);
    show("appended");
    mmap(area + 11 * 4096, 4096, rw, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    show("shared beside");
    mmap(area + 12 * 4096, 4096, rw, anonymous, -1, 0);
    show("private beside");
    madvise(area, 4096, MADV_DONTFORK);
    show("advice");
    mmap(area + 20 * 4096, 2 * 4096, PROT_NONE, anonymous | MAP_NORESERVE, -1, 0);
    mmap(area + 22 * 4096, 2 * 4096, PROT_NONE, anonymous, -1, 0);
    show("reserve");
    mprotect(area + 20 * 4096, 4 * 4096, PROT_READ | PROT_EXEC);
    show("executable");
    mmap(area + 5 * 4096, 20 * 4096, PROT_WRITE, anonymous, -1, 0);
    show("over all");
    IN_CHILD("child", show("child"));
    munmap(area, 64 * 4096);
    show("nothing");
}
