// Extended attributes: names, sizes, flags, kinds of files (xattr(7)).
// also: --directfs=false --overlay2=none
#include "case.h"
#include <sys/xattr.h>

int main(void) {
    char value[100], list[200];
    write_file("file", "");
    SHOW(setxattr("file", "user.one", "value", 5, 0));
    SHOW(getxattr("file", "user.one", value, sizeof value));
    printf("%.5s\n", value);
    SHOW(getxattr("file", "user.one", NULL, 0));
    SHOW(getxattr("file", "user.one", value, 3));
    SHOW(getxattr("file", "user.none", value, sizeof value));
    SHOW(setxattr("file", "user.one", "x", 1, XATTR_CREATE));
    SHOW(setxattr("file", "user.two", "x", 1, XATTR_REPLACE));
    SHOW(setxattr("file", "user.two", "", 0, XATTR_CREATE));
    SHOW(setxattr("file", "user.two", "x", 1, 8));
    SHOW(setxattr("file", "nothing", "x", 1, 0));
    SHOW(setxattr("file", "user.", "x", 1, 0));
    SHOW(setxattr("file", "", "x", 1, 0));
    char long_name[300] = "user.";
    memset(long_name + 5, 'n', 251);
    SHOW(setxattr("file", long_name, "x", 1, 0));
    long_name[255] = 0;
    SHOW(setxattr("file", long_name, "x", 1, 0));
    SHOW(removexattr("file", long_name));
    SHOW(setxattr("file", "user.big", value, 65537, 0));
    int count = SHOW(listxattr("file", list, sizeof list));
    int seen = 0;
    for (char *name = list; name < list + count; name += strlen(name) + 1) seen += strcmp(name, "user.one") == 0 || strcmp(name, "user.two") == 0;
    SHOW(seen);
    SHOW(listxattr("file", NULL, 0));
    SHOW(listxattr("file", list, 5));
    SHOW(removexattr("file", "user.two"));
    SHOW(removexattr("file", "user.two"));
    symlink("file", "link");
    mkfifo("fifo", 0644);
    SHOW(lsetxattr("link", "user.x", "x", 1, 0));
    SHOW(setxattr("link", "user.x", "x", 1, 0));
    SHOW(setxattr("fifo", "user.x", "x", 1, 0));
    SHOW(setxattr("missing", "user.x", "x", 1, 0));
    int fd = NEED(open("file", O_RDONLY));
    SHOW(fsetxattr(fd, "user.fd", "f", 1, 0));
    SHOW(fgetxattr(fd, "user.fd", value, sizeof value));
    SHOW(flistxattr(fd, list, sizeof list));
    SHOW(fremovexattr(fd, "user.fd"));
    SHOW(fsetxattr(99, "user.fd", "f", 1, 0));
    SHOW(setxattr("file", "trusted.t", "t", 1, 0));
    NEED(chmod(".", 0755));
    NEED(chmod("file", 0644));
    IN_CHILD("user", {
        BECOME(1000);
        SHOW(getxattr("file", "user.one", value, sizeof value));
        SHOW(setxattr("file", "user.one", "x", 1, 0));
        SHOW(getxattr("file", "trusted.t", value, sizeof value));
        SHOW(setxattr("file", "trusted.t", "x", 1, 0));
    });
}
