// read(2), pread(2): large pieces of a file that exists on the host already, into good and bad memory.
#include "case.h"
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define NAME "/usr/lib/x86_64-linux-gnu/libc.so.6"
#define PIECE (256 << 10)
#define PAGE 4096

static uint64_t sum(const unsigned char *bytes, size_t length, uint64_t hash) {
    for (size_t i = 0; i < length; i++) hash = (hash ^ bytes[i]) * 0x100000001b3;
    return hash;
}

static uint64_t by(size_t piece, unsigned char *buffer) {
    int fd = NEED(open(NAME, O_RDONLY));
    uint64_t hash = 0xcbf29ce484222325;
    ssize_t length;
    while ((length = NEED(read(fd, buffer, piece))) > 0) hash = sum(buffer, length, hash);
    close(fd);
    return hash;
}

static void *reader(void *expected) {
    unsigned char *buffer = malloc(PIECE);
    for (int i = 0; i < 4; i++) IS(by(PIECE - i * 32, buffer) == *(uint64_t *)expected);
    return NULL;
}

int main(void) {
    unsigned char *buffer = mmap(NULL, 2 * PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t expected = by(PAGE, buffer);
    IS(by(16384, buffer) == expected);
    IS(by(65536, buffer) == expected);
    IS(by(PIECE, buffer) == expected);
    IS(by(PIECE + 5, buffer + 3) == expected);

    int fd = NEED(open(NAME, O_RDONLY));
    struct stat state;
    NEED(fstat(fd, &state));
    // Across the end, and beyond it.
    IS(pread(fd, buffer, PIECE, state.st_size - 70000) == 70000);
    SHOW(pread(fd, buffer, PIECE, state.st_size));
    SHOW(pread(fd, buffer, PIECE, state.st_size + 5));
    SHOW(pread(fd, buffer, PIECE, 200001));
    uint64_t again = sum(buffer, PIECE, 0);
    memset(buffer, 0, PIECE);
    for (int i = 0; i < PIECE; i += PAGE) NEED(pread(fd, buffer + i, PAGE, 200001 + i));
    IS(sum(buffer, PIECE, 0) == again);
    // The position is where reads left it.
    SHOW(lseek(fd, 300000, SEEK_SET));
    SHOW(read(fd, buffer, 100000));
    SHOW(lseek(fd, 0, SEEK_CUR));

    // Memory that is bad from the start, in the middle, or not to be written.
    SHOW(pread(fd, (void *)8, 65536, 200000));
    SHOW(pread(fd, (void *)0x7ffffffff000, 65536, 200000));
    NEED(munmap(buffer + PIECE, PAGE));
    SHOW(pread(fd, buffer + PIECE - 8 * PAGE, 65536, 200000));
    NEED(mprotect(buffer + 2 * PIECE - 4 * PAGE, 4 * PAGE, PROT_READ));
    SHOW(pread(fd, buffer + 2 * PIECE - 8 * PAGE, 8 * PAGE, 200000));
    SHOW(pread(fd, buffer + 2 * PIECE - 4 * PAGE, 4 * PAGE, 200000));
    // Memory that was never touched, and a mapping of the file itself.
    unsigned char *fresh = mmap(NULL, PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    SHOW(pread(fd, fresh, PIECE, 200001));
    IS(sum(fresh, PIECE, 0) == again);
    unsigned char *mapped = mmap(NULL, PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    SHOW(pread(fd, mapped, PIECE, 200001));
    IS(sum(mapped, PIECE, 0) == again);
    // The memory of a copy is its own.
    pid_t child = NEED(fork());
    if (child == 0) {
        memset(fresh, 0, PIECE);
        exit(pread(fd, fresh, PIECE, 150000) == PIECE ? 0 : 1);
    }
    reap("child", child);
    IS(sum(fresh, PIECE, 0) == again);

    pthread_t threads[3];
    for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, reader, &expected);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    puts("read");
}
