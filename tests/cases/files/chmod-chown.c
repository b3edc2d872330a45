// chmod(2), chown(2): who may, which bits go, and the errors.
// also: --directfs=false --overlay2=none
#include "case.h"

static void show(const char *path) {
    struct stat stat;
    NEED(lstat(path, &stat));
    printf("  %s %o %d %d\n", path, stat.st_mode, stat.st_uid, stat.st_gid);
}

int main(void) {
    umask(022);
    NEED(chmod(".", 0755));
    write_file("file", "");
    SHOW(chmod("file", 07777));
    show("file");
    SHOW(chown("file", 1000, 1001));
    show("file");
    SHOW(chmod("file", 06745));
    SHOW(chown("file", -1, 1002));
    show("file");
    SHOW(chmod("missing", 0644));
    SHOW(chmod("file/x", 0644));
    symlink("file", "link");
    SHOW(chmod("link", 0600));
    show("file");
    show("link");
    SHOW(lchown("link", 5, 6));
    show("link");
    show("file");
    SHOW(fchownat(AT_FDCWD, "file", 1000, 1000, 0x1));
    SHOW(fchownat(AT_FDCWD, "", 1, 1, 0));
    int fd = NEED(open("file", O_RDONLY));
    SHOW(fchmod(fd, 0604));
    SHOW(fchown(fd, 1000, 1000));
    show("file");
    write_file("other", "");
    IN_CHILD("owner", {
        gid_t groups[] = {1000, 2000};
        NEED(syscall(SYS_setgroups, 2, groups));
        NEED(setresgid(1000, 1000, 1000));
        NEED(setresuid(1000, 1000, 1000));
        SHOW(chmod("file", 06755));
        show("file");
        SHOW(chown("file", 1000, 2000));
        show("file");
        SHOW(chown("file", 1000, 3000));
        SHOW(chown("file", 1001, -1));
        SHOW(chown("file", 1000, -1));
        SHOW(chmod("other", 0777));
        SHOW(chown("other", 0, 0));
        SHOW(chown("other", -1, -1));
    });
    // A file of a group that one is not in loses its set-group-ID bit.
    NEED(chown("file", 1000, 3000));
    IN_CHILD("not in the group", BECOME(1000); SHOW(chmod("file", 02755)));
    show("file");
    // Writing clears set-user-ID.
    NEED(chmod("file", 06777));
    IN_CHILD("writes", {
        int other = NEED(open("file", O_WRONLY));
        BECOME(1001);
        SHOW(write(other, "x", 1));
    });
    show("file");
}
