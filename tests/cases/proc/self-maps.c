// /proc/self/maps: its shape, order, names.
#include "case.h"

int main(void) {
    write_file("mapped file", "x");
    int fd = NEED(open("mapped file", O_RDONLY));
    char *at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0), expected[400];
    NEED(getcwd(expected, sizeof expected) ? 0 : -1);
    strcat(expected, "/mapped file");
    char *gone = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, NEED(open("deleted", O_RDWR | O_CREAT, 0644)), 0);
    unlink("deleted");
    FILE *file = fopen("/proc/self/maps", "r");
    char line[600];
    unsigned long last = 0;
    int bad = 0, stack = 0, heap = 0, vdso = 0, exe = 0;
    malloc(1000);
    while (fgets(line, sizeof line, file)) {
        unsigned long start, end, offset, inode;
        unsigned major, minor;
        char prot[5];
        int name = 0;
        if (sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %n", &start, &end, prot, &offset, &major, &minor, &inode, &name) != 7) bad++;
        line[strcspn(line, "\n")] = 0;
        if (start < last || end <= start) bad++;
        last = end;
        stack += strcmp(line + name, "[stack]") == 0;
        heap += strcmp(line + name, "[heap]") == 0;
        vdso += strcmp(line + name, "[vdso]") == 0;
        exe += (uintptr_t)main >= start && (uintptr_t)main < end && prot[2] == 'x';
        if (start == (uintptr_t)at) {
            printf("%s offset %lx\n", prot, offset);
            IS(strcmp(line + name, expected) == 0);
            IS(inode != 0);
            IS(name == 73);
        }
        if (start == (uintptr_t)gone) puts(strstr(line, "/deleted"));
    }
    printf("bad %d stack %d heap %d vdso %d exe %d\n", bad, stack, heap, vdso, exe);
}
