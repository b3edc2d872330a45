// Symbolic links in paths: depth, relative targets, trailing slashes, sizes.
// also: --directfs=false --overlay2=none
#include "case.h"

int main(void) {
    char name[20], target[20], text[5000];
    write_file("file", "text");
    NEED(mkdir("d", 0755));
    SHOW(symlink("", "empty"));
    SHOW(symlink("file", "file"));
    SHOW(symlink("file", "l0"));
    for (int i = 1; i <= 45; i++) {
        snprintf(name, sizeof name, "l%d", i);
        snprintf(target, sizeof target, "l%d", i - 1);
        NEED(symlink(target, name));
    }
    SHOW(access("l39", F_OK));
    SHOW(access("l40", F_OK));
    SHOW(readlink("l5", text, sizeof text));
    SHOW(readlink("l5", text, 1));
    SHOW(readlink("l5", text, 0));
    SHOW(readlink("file", text, sizeof text));
    SHOW(readlink("missing", text, sizeof text));
    SHOW(symlink("../file", "d/up"));
    print_file("d/up");
    SHOW(symlink("d", "dl"));
    print_file("dl/up");
    struct stat stat;
    SHOW(lstat("dl", &stat));
    printf("%o %ld\n", stat.st_mode, (long)stat.st_size);
    SHOW(lstat("dl/", &stat));
    printf("%o\n", stat.st_mode & S_IFMT);
    SHOW(lstat("l0/", &stat));
    memset(text, 'x', sizeof text);
    text[4096] = 0;
    SHOW(symlink(text, "long"));
    text[4095] = 0;
    SHOW(symlink(text, "long"));
    SHOW(lstat("long", &stat));
    printf("%ld\n", (long)stat.st_size);
    SHOW(open("long", O_RDONLY));
    text[256] = 0;
    SHOW(symlink("x", text));
    text[255] = 0;
    SHOW(symlink("x", text));
    SHOW(symlinkat("file", 99, "x"));
    SHOW(unlink("dl/"));
    SHOW(rmdir("dl"));
    SHOW(rename("l0", "moved"));
    SHOW(access("l1", F_OK));
    int fd = NEED(open("moved", O_PATH | O_NOFOLLOW));
    SHOW(readlinkat(fd, "", text, sizeof text));
    SHOW(fstat(fd, &stat));
    printf("%o\n", stat.st_mode);
    SHOW(read(fd, text, 1));
    SHOW(symlink("/proc/self", "self"));
    SHOW(access("self/status", F_OK));
}
