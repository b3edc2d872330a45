// stat(2) of each kind of file, and fstatat's flags.
// also: --directfs=false --overlay2=none
#include "case.h"
#include <sys/sysmacros.h>

static void show(const char *path, int flags) {
    struct stat stat;
    memset(&stat, 0x55, sizeof stat);
    if (fstatat(AT_FDCWD, path, &stat, flags) == -1)
        printf("%s: %s\n", path, errno_name(errno));
    else
        printf("%s: mode %o rdev %d:%d\n", path, stat.st_mode, major(stat.st_rdev), minor(stat.st_rdev));
}

int main(void) {
    umask(022);
    write_file("file", "12345");
    symlink("file", "link");
    mkfifo("fifo", 0600);
    show("file", 0);
    show("link", 0);
    show("link", AT_SYMLINK_NOFOLLOW);
    show("fifo", 0);
    show("", 0);
    show("", AT_EMPTY_PATH);
    show("file", 0x4000000);
    show("/dev/null", 0);
    show("/dev/zero", 0);
    show("/dev/full", 0);
    show("/dev/random", 0);
    show("/dev/urandom", 0);
    show("/proc/self/exe", AT_SYMLINK_NOFOLLOW);
    show("/proc/self/status", 0);
    show("/proc/self/fd", 0);
    struct stat one, two;
    NEED(stat("file", &one));
    SHOW(one.st_size);
    SHOW(one.st_nlink);
    SHOW(one.st_blocks);
    SHOW(one.st_blksize);
    NEED(link("file", "other"));
    NEED(stat("other", &two));
    IS(one.st_ino == two.st_ino && one.st_dev == two.st_dev);
    NEED(stat("fifo", &two));
    IS(one.st_ino != two.st_ino);
    IS(one.st_mtim.tv_sec > 1000000000);
    SHOW(fstat(-1, &one));
    SHOW(stat("file", (struct stat *)8));
    int fd = NEED(open("file", O_PATH));
    SHOW(fstat(fd, &one));
    int pair[2];
    NEED(pipe(pair));
    NEED(fstat(pair[0], &one));
    printf("%o\n", one.st_mode);
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    NEED(fstat(pair[0], &one));
    printf("%o\n", one.st_mode);
}
