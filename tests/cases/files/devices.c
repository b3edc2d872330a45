// The devices of every container: null, zero, full, random, tty.
// also: --directfs=false --overlay2=none
#include "case.h"

int main(void) {
    char text[100], other[100];
    int fd = NEED(open("/dev/null", O_RDWR));
    SHOW(read(fd, text, 10));
    SHOW(write(fd, text, 10));
    SHOW(lseek(fd, 100, SEEK_SET));
    SHOW(ftruncate(fd, 0));
    fd = NEED(open("/dev/zero", O_RDWR));
    memset(text, 1, sizeof text);
    SHOW(read(fd, text, 10));
    printf("%d %d\n", text[9], text[10]);
    SHOW(write(fd, text, 10));
    char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    IS(map != MAP_FAILED);
    map[0]++;
    SHOW(map[0]);
    map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    IN_CHILD("shared zero", map[0] = 7);
    SHOW(map[0]);
    fd = NEED(open("/dev/full", O_RDWR));
    SHOW(write(fd, text, 10));
    SHOW(read(fd, text, 10));
    fd = NEED(open("/dev/urandom", O_RDONLY));
    SHOW(read(fd, text, 100));
    SHOW(read(fd, other, 100));
    IS(memcmp(text, other, 100) != 0);
    OK(open("/dev/random", O_RDONLY));
    SHOW(access("/dev/stdin", F_OK));
    print_file("/dev/fd/99");
    IN_CHILD("no terminal", setsid(); SHOW(open("/dev/tty", O_RDWR)));
    struct pollfd query = {NEED(open("/dev/null", O_RDWR)), POLLIN | POLLOUT};
    SHOW(poll(&query, 1, 0));
    SHOW(query.revents);
}
