// openat2(2): resolve flags and its structure.
// also: --directfs=false --overlay2=none
#include "case.h"
#include <linux/openat2.h>

static long try(int folder, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how = {flags, mode, resolve};
    return syscall(SYS_openat2, folder, path, &how, sizeof how);
}

int main(void) {
    NEED(mkdir("root", 0755));
    NEED(mkdir("root/sub", 0755));
    write_file("outside", "o");
    write_file("root/file", "f");
    symlink("/", "root/absolute");
    symlink("..", "root/up");
    symlink("file", "root/link");
    symlink("/file", "root/rooted");
    symlink("../file", "root/sub/back");
    int root = NEED(open("root", O_PATH | O_DIRECTORY));
    OK(try(root, "file", O_RDONLY, 0, 0));
    OK(try(root, "../outside", O_RDONLY, 0, 0));
    SHOW(try(root, "../outside", O_RDONLY, 0, RESOLVE_BENEATH));
    SHOW(try(root, "/etc/passwd", O_RDONLY, 0, RESOLVE_BENEATH));
    SHOW(try(root, "absolute/etc", O_RDONLY, 0, RESOLVE_BENEATH));
    SHOW(try(root, "up/outside", O_RDONLY, 0, RESOLVE_BENEATH));
    OK(try(root, "link", O_RDONLY, 0, RESOLVE_BENEATH));
    OK(try(root, "sub/back", O_RDONLY, 0, RESOLVE_BENEATH));
    OK(try(root, "sub/../file", O_RDONLY, 0, RESOLVE_BENEATH));
    SHOW(try(root, "link", O_RDONLY, 0, RESOLVE_NO_SYMLINKS));
    SHOW(try(root, "link", O_RDONLY | O_NOFOLLOW, 0, 0));
    OK(try(root, "link", O_PATH | O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS));
    OK(try(root, "../../../../../file", O_RDONLY, 0, RESOLVE_IN_ROOT));
    OK(try(root, "/file", O_RDONLY, 0, RESOLVE_IN_ROOT));
    OK(try(root, "rooted", O_RDONLY, 0, RESOLVE_IN_ROOT));
    OK(try(root, "absolute/sub", O_RDONLY, 0, RESOLVE_IN_ROOT));
    SHOW(try(root, "outside", O_RDONLY, 0, RESOLVE_IN_ROOT));
    SHOW(try(AT_FDCWD, "/proc/self/exe", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS));
    SHOW(try(AT_FDCWD, "/proc/self/status", O_RDONLY, 0, RESOLVE_NO_XDEV));
    SHOW(try(root, "file", O_RDONLY, 0, 0x100));
    SHOW(try(root, "file", O_RDONLY, 0644, 0));
    SHOW(try(root, "file", O_RDONLY | 0x80000000, 0, 0));
    SHOW(try(root, "new", O_RDWR | O_CREAT, 0100644, 0));
    OK(try(root, "new", O_RDWR | O_CREAT, 0600, RESOLVE_BENEATH));
    SHOW(try(root, "../new", O_RDWR | O_CREAT, 0600, RESOLVE_BENEATH));
    SHOW(try(root, "file", O_RDONLY, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT));
    struct {
        struct open_how how;
        long more;
    } large = {{O_RDONLY, 0, 0}, 0};
    OK(syscall(SYS_openat2, root, "file", &large, sizeof large));
    large.more = 1;
    SHOW(syscall(SYS_openat2, root, "file", &large, sizeof large));
    SHOW(syscall(SYS_openat2, root, "file", &large, 8));
    SHOW(syscall(SYS_openat2, root, "file", NULL, sizeof large.how));
}
