// fcntl(2) record locks: ranges, splitting, who holds, and release by any close.
// also: --directfs=false --overlay2=none
#include "case.h"

static int fd;

static int lock(int type, off_t start, off_t length) {
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    return fcntl(fd, F_SETLK, &lock);
}

static void map(const char *what) {
    // As another process sees it: one letter per byte.
    pid_t parent = getpid();
    IN_CHILD(what, {
        for (int at = 0; at < 20; at++) {
            struct flock query = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
            NEED(fcntl(fd, F_GETLK, &query));
            putchar(query.l_type == F_UNLCK ? '.' : query.l_pid != parent ? '?' : query.l_type == F_RDLCK ? 'r' : 'w');
        }
        puts("");
    });
}

int main(void) {
    fd = NEED(open("file", O_RDWR | O_CREAT, 0644));
    map("free");
    SHOW(lock(F_WRLCK, 5, 10));
    map("write 5-14");
    SHOW(lock(F_RDLCK, 8, 3));
    map("read in it");
    SHOW(lock(F_UNLCK, 9, 1));
    map("hole");
    SHOW(lock(F_RDLCK, 0, 0));
    map("read all");
    SHOW(lock(F_UNLCK, 3, 2));
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 5};
    IN_CHILD("conflict", {
        SHOW(lock(F_WRLCK, 3, 2));
        SHOW(lock(F_WRLCK, 3, 3));
        SHOW(lock(F_RDLCK, 5, 5));
        struct flock query = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 4};
        fcntl(fd, F_GETLK, &query);
        printf("%d from %ld length %ld by parent %d\n", query.l_type, (long)query.l_start, (long)query.l_len, query.l_pid == getppid());
    });
    SHOW(fcntl(fd, F_GETLK, &whole));
    SHOW(whole.l_type == F_UNLCK);
    // Closing any descriptor of the file releases all.
    close(NEED(open("file", O_RDONLY)));
    map("after a close");
    SHOW(lock(F_WRLCK, 10, -5));
    map("negative length");
    SHOW(lock(F_WRLCK, 2, -5));
    SHOW(lock(F_WRLCK, -1, 5));
    SHOW(lock(9, 0, 5));
    struct flock end = {.l_type = F_RDLCK, .l_whence = SEEK_END, .l_start = 16, .l_len = 2};
    SHOW(fcntl(fd, F_SETLK, &end));
    end.l_whence = 7;
    SHOW(fcntl(fd, F_SETLK, &end));
    map("from the end");
    int read_only = NEED(open("other", O_RDONLY | O_CREAT, 0644)), write_only = NEED(open("other", O_WRONLY));
    struct flock any = {.l_type = F_WRLCK};
    SHOW(fcntl(read_only, F_SETLK, &any));
    any.l_type = F_RDLCK;
    SHOW(fcntl(write_only, F_SETLK, &any));
    SHOW(fcntl(99, F_SETLK, &any));
    SHOW(fcntl(fd, F_SETLK, (struct flock *)8));
}
