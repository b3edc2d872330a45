// utimensat(2), and which calls change which times.
// also: --directfs=false --overlay2=none
#include "case.h"
#include <utime.h>

static void show(const char *path) {
    struct stat stat;
    NEED(lstat(path, &stat));
    printf("  %s atime %ld.%09ld mtime %ld.%09ld\n", path, (long)stat.st_atim.tv_sec, stat.st_atim.tv_nsec, (long)stat.st_mtim.tv_sec, stat.st_mtim.tv_nsec);
}

static long mtime(const char *path) {
    struct stat stat;
    NEED(lstat(path, &stat));
    return stat.st_mtim.tv_sec;
}

int main(void) {
    struct timespec set[2] = {{1000000, 123456789}, {2000000, 987654321}};
    write_file("file", "x");
    SHOW(utimensat(AT_FDCWD, "file", set, 0));
    show("file");
    set[0].tv_nsec = UTIME_OMIT;
    set[1] = (struct timespec){3000000, 0};
    SHOW(utimensat(AT_FDCWD, "file", set, 0));
    show("file");
    set[1].tv_nsec = 1000000000;
    SHOW(utimensat(AT_FDCWD, "file", set, 0));
    set[1].tv_nsec = UTIME_NOW;
    SHOW(utimensat(AT_FDCWD, "file", set, 0));
    IS(mtime("file") > 1000000000);
    set[0] = set[1] = (struct timespec){-5, 0};
    SHOW(utimensat(AT_FDCWD, "file", set, 0));
    show("file");
    symlink("file", "link");
    set[0] = set[1] = (struct timespec){77, 0};
    SHOW(utimensat(AT_FDCWD, "link", set, AT_SYMLINK_NOFOLLOW));
    show("link");
    show("file");
    int fd = NEED(open("file", O_RDONLY));
    SHOW(futimens(fd, set));
    show("file");
    SHOW(utimensat(AT_FDCWD, "missing", set, 0));
    SHOW(syscall(SYS_utimensat, fd, NULL, NULL, 0));
    IS(mtime("file") > 1000000000);
    SHOW(utimensat(AT_FDCWD, "file", set, 99));
    SHOW(utime("file", &(struct utimbuf){1, 2}));
    show("file");
    SHOW(utimes("file", (struct timeval[]){{1, 5}, {2, 6}}));
    show("file");
    SHOW(utimes("file", (struct timeval[]){{1, 1000000}, {2, 6}}));
    NEED(chmod(".", 0755));
    IN_CHILD("user", {
        NEED(chmod("file", 0666));
        BECOME(1000);
        SHOW(utimensat(AT_FDCWD, "file", set, 0));
        SHOW(utimensat(AT_FDCWD, "file", NULL, 0));
    });
    // A write changes mtime, a chmod does not; changes in a folder change the folder's.
    NEED(mkdir("d", 0755));
    NEED(utimensat(AT_FDCWD, "file", set, 0));
    NEED(utimensat(AT_FDCWD, "d", set, 0));
    NEED(chmod("file", 0600));
    NEED(chmod("d", 0700));
    printf("chmod %ld %ld\n", mtime("file"), mtime("d"));
    write_file("d/x", "");
    IS(mtime("d") > 77);
    NEED(utimensat(AT_FDCWD, "d", set, 0));
    write_file("d/x", "more");
    printf("write inside %ld\n", mtime("d"));
    unlink("d/x");
    IS(mtime("d") > 77);
    int again = NEED(open("file", O_WRONLY));
    NEED(write(again, "", 0));
    printf("empty write %ld\n", mtime("file"));
    NEED(write(again, "x", 1));
    IS(mtime("file") > 77);
}
