// Open file description locks: by description, kept over fork and dup (fcntl(2)).
// also: --directfs=false --overlay2=none
#include "case.h"

static int lock(int fd, int command, int type, off_t start, off_t length) {
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    return fcntl(fd, command, &lock);
}

int main(void) {
    int one = NEED(open("file", O_RDWR | O_CREAT, 0644)), two = NEED(open("file", O_RDWR));
    SHOW(lock(one, F_OFD_SETLK, F_WRLCK, 0, 10));
    SHOW(lock(two, F_OFD_SETLK, F_WRLCK, 5, 10));
    SHOW(lock(two, F_OFD_SETLK, F_RDLCK, 10, 10));
    SHOW(lock(one, F_OFD_SETLK, F_RDLCK, 10, 10));
    SHOW(lock(one, F_SETLK, F_WRLCK, 0, 1));
    struct flock query = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    SHOW(fcntl(two, F_OFD_GETLK, &query));
    printf("type %d pid %d start %ld length %ld\n", query.l_type, query.l_pid, (long)query.l_start, (long)query.l_len);
    query.l_pid = 1;
    SHOW(fcntl(two, F_OFD_SETLK, &query));
    int copy = dup(one);
    close(NEED(open("file", O_RDONLY)));
    close(one);
    SHOW(lock(two, F_OFD_SETLK, F_WRLCK, 0, 1));
    IN_CHILD("child shares", SHOW(lock(copy, F_OFD_SETLK, F_RDLCK, 0, 1)));
    SHOW(lock(two, F_OFD_SETLK, F_RDLCK, 0, 1));
    close(copy);
    SHOW(lock(two, F_OFD_SETLK, F_WRLCK, 0, 0));
    int ready[2];
    char byte;
    NEED(pipe(ready));
    pid_t child = NEED(fork());
    if (child == 0) {
        int other = NEED(open("file", O_RDWR));
        NEED(write(ready[1], "r", 1));
        _exit(lock(other, F_OFD_SETLKW, F_WRLCK, 0, 0) == 0 ? 7 : 8);
    }
    NEED(read(ready[0], &byte, 1));
    sleep_ms(10);
    SHOW(lock(two, F_OFD_SETLK, F_UNLCK, 0, 0));
    reap("waiter", child);
}
