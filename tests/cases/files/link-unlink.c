// link(2), unlink(2), rmdir(2): counts, kinds, trailing slashes, open files.
// also: --directfs=false --overlay2=none
#include "case.h"

static void links(const char *path) {
    struct stat stat;
    if (lstat(path, &stat) == -1)
        printf("%s: %s\n", path, errno_name(errno));
    else
        printf("%s: links %ld\n", path, (long)stat.st_nlink);
}

int main(void) {
    write_file("a", "text");
    SHOW(link("a", "b"));
    links("a");
    SHOW(link("a", "b"));
    SHOW(link("missing", "c"));
    SHOW(link("a", "missing/c"));
    NEED(mkdir("d", 0755));
    SHOW(link("d", "e"));
    SHOW(link("a", "d/"));
    SHOW(link("a/", "c"));
    symlink("a", "s");
    SHOW(linkat(AT_FDCWD, "s", AT_FDCWD, "t", 0));
    links("s");
    SHOW(linkat(AT_FDCWD, "s", AT_FDCWD, "u", AT_SYMLINK_FOLLOW));
    links("a");
    SHOW(linkat(AT_FDCWD, "a", AT_FDCWD, "v", 0x8000));
    int fd = NEED(open("a", O_RDWR));
    SHOW(unlink("a"));
    SHOW(unlink("a"));
    links("b");
    SHOW(unlink("b"));
    SHOW(unlink("u"));
    SHOW(write(fd, "still", 5));
    struct stat stat;
    fstat(fd, &stat);
    printf("links %ld size %ld\n", (long)stat.st_nlink, (long)stat.st_size);
    char path[64], text[300] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    NEED(readlink(path, text, sizeof text - 1));
    puts(strrchr(text, '/'));
    fd = NEED(open(path, O_RDONLY));
    SHOW(read(fd, text, 5));
    SHOW(linkat(AT_FDCWD, path, AT_FDCWD, "back", AT_SYMLINK_FOLLOW));
    SHOW(unlink("d"));
    SHOW(rmdir("s"));
    SHOW(rmdir("missing"));
    SHOW(rmdir("."));
    SHOW(rmdir("d/."));
    SHOW(rmdir("d/.."));
    SHOW(rmdir("/"));
    write_file("d/x", "");
    SHOW(rmdir("d"));
    SHOW(unlink("d/x/"));
    SHOW(unlink("d/x"));
    links("d");
    NEED(mkdir("d/sub", 0755));
    links("d");
    SHOW(unlinkat(AT_FDCWD, "d/sub", 0));
    SHOW(unlinkat(AT_FDCWD, "d/sub", AT_REMOVEDIR));
    SHOW(unlinkat(AT_FDCWD, "d/sub", 1));
    SHOW(rmdir("d/"));
    SHOW(unlink("s/"));
    SHOW(mkdir("s", 0755));
    SHOW(mkdir("s/", 0755));
}
