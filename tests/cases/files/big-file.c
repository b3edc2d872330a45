// A file of 64 MiB through read, write, mmap and copies; sums agree.
// also: --directfs=false --overlay2=none
// timeout: 40
#include "case.h"

static unsigned long sum_of(const void *data, size_t size, unsigned long hash) {
    const unsigned long *words = data;
    for (size_t i = 0; i < size / 8; i++) hash = hash * 31 + words[i];
    return hash;
}

int main(void) {
    size_t size = 64 << 20, chunk = 1 << 20;
    unsigned long *buffer = malloc(chunk), written = 0, read_back = 0;
    int fd = NEED(open("file", O_RDWR | O_CREAT, 0644));
    for (size_t at = 0; at < size; at += chunk) {
        for (size_t i = 0; i < chunk / 8; i++) buffer[i] = (at + i) * 0x9e3779b97f4a7c15;
        if (write(fd, buffer, chunk) != (ssize_t)chunk) puts("short write");
        written = sum_of(buffer, chunk, written);
    }
    SHOW(lseek(fd, 0, SEEK_SET));
    ssize_t count;
    while ((count = read(fd, buffer, chunk)) > 0) read_back = sum_of(buffer, count, read_back);
    IS(read_back == written);
    void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    IS(sum_of(map, size, 0) == written);
    int to = NEED(open("copy", O_RDWR | O_CREAT, 0644));
    off_t in = 0, out = 0;
    while (copy_file_range(fd, &in, to, &out, size, 0) > 0)
        ;
    map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, to, 0);
    IS(sum_of(map, size, 0) == written);
    SHOW(in);
}
