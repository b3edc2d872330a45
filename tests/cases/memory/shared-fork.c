// Shared mappings stay shared across fork, private ones are copied on write, in both directions.
#include "case.h"

int main(void) {
    write_file("file", "0123456789");
    int fd = NEED(open("file", O_RDWR));
    int rw = PROT_READ | PROT_WRITE;
    char *anonymous = mmap(NULL, 4096, rw, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *private = mmap(NULL, 4096, rw, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *file = mmap(NULL, 4096, rw, MAP_SHARED, fd, 0);
    char *copy = mmap(NULL, 4096, rw, MAP_PRIVATE, fd, 0);
    strcpy(anonymous, "parent");
    strcpy(private, "parent");
    copy[0] = 'P';
    int gate[2];
    NEED(pipe(gate));
    pid_t child = NEED(fork());
    if (child == 0) {
        char byte;
        NEED(read(gate[0], &byte, 1));
        printf("child sees %s %s %.10s %.10s\n", anonymous, private, file, copy);
        strcpy(anonymous, "child");
        strcpy(private, "child");
        file[1] = 'c';
        copy[2] = 'c';
        IN_CHILD("grandchild", printf("grandchild sees %s %s %.10s %.10s\n", anonymous, private, file, copy); strcpy(anonymous, "grand"));
        _exit(0);
    }
    strcpy(anonymous, "after");
    strcpy(private, "after");
    file[3] = 'p';
    NEED(write(gate[1], "g", 1));
    reap("child", child);
    printf("parent sees %s %s %.10s %.10s\n", anonymous, private, file, copy);
    print_file("file");
    // Unmapped in one process, kept in the other.
    IN_CHILD("unmaps", munmap(anonymous, 4096));
    puts(anonymous);
}
