// The mode of new files: umask, set-id bits, and the access of the first opener.
// also: --directfs=false --overlay2=none
#include "case.h"

static void show(const char *path) {
    struct stat stat;
    NEED(lstat(path, &stat));
    printf("%s %o %d\n", path, stat.st_mode, stat.st_gid);
}

int main(void) {
    SHOW(umask(027));
    NEED(open("a", O_CREAT | O_WRONLY, 0777));
    show("a");
    NEED(open("b", O_CREAT | O_WRONLY, 07777));
    show("b");
    int fd = NEED(open("c", O_CREAT | O_RDWR, 0));
    show("c");
    SHOW(write(fd, "x", 1));
    NEED(mkdir("d", 0777));
    show("d");
    NEED(mkdir("e", 07777));
    show("e");
    NEED(mknod("f", S_IFREG | 0666, 0));
    show("f");
    NEED(mkfifo("g", 0666));
    show("g");
    NEED(symlink("x", "h"));
    show("h");
    SHOW(umask(0777));
    NEED(open("i", O_CREAT | O_RDWR, 0666));
    show("i");
    SHOW(umask(01777));
    SHOW(umask(0));
    // Set-group-ID folders hand down their group, and themselves to folders.
    NEED(chown("d", 0, 4321));
    NEED(chmod("d", 02777));
    NEED(open("d/file", O_CREAT | O_RDWR, 0666));
    show("d/file");
    NEED(mkdir("d/folder", 0777));
    show("d/folder");
}
