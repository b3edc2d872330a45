// The capabilities of a program are gone once somebody writes to it, cuts it or gives it away (capabilities(7)).
#include "case.h"
#include <sys/xattr.h>

static const char name[] = "security.capability";

// VFS_CAP_REVISION_2 with the effective bit: CAP_NET_RAW.
static void give(void) {
    unsigned value[5] = {0x02000001, 1 << 13, 0, 0, 0};
    write_file("file", "content");
    NEED(chmod("file", 0777));
    NEED(setxattr("file", name, value, sizeof value, 0));
    SHOW(getxattr("file", name, NULL, 0));
}

int main(void) {
    NEED(chmod(".", 0777));
    int fd;
    give();
    // What changes nothing of it leaves them.
    NEED(chmod("file", 0755));
    NEED(utimensat(AT_FDCWD, "file", NULL, 0));
    NEED(rename("file", "other"));
    SHOW(getxattr("other", name, NULL, 0));
    NEED(rename("other", "file"));
    give();
    fd = NEED(open("file", O_WRONLY));
    SHOW(getxattr("file", name, NULL, 0));
    SHOW(write(fd, "x", 1));
    SHOW(getxattr("file", name, NULL, 0));
    close(fd);
    give();
    IN_CHILD("user", {
        BECOME(1000);
        fd = NEED(open("file", O_WRONLY));
        SHOW(pwrite(fd, "x", 1, 3));
        SHOW(getxattr("file", name, NULL, 0));
    });
    give();
    SHOW(truncate("file", 3));
    SHOW(getxattr("file", name, NULL, 0));
    give();
    close(NEED(open("file", O_WRONLY | O_TRUNC)));
    SHOW(getxattr("file", name, NULL, 0));
    give();
    SHOW(chown("file", 1000, 1000));
    SHOW(getxattr("file", name, NULL, 0));
    NEED(chown("file", 0, 0));
    give();
    fd = NEED(open("file", O_RDWR));
    SHOW(fallocate(fd, 0, 0, 100));
    SHOW(getxattr("file", name, NULL, 0));
    give();
    SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 3));
    SHOW(getxattr("file", name, NULL, 0));
}
