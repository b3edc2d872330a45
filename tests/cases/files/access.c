// access(2) uses the real ids, faccessat2 with AT_EACCESS the effective ones.
// also: --directfs=false --overlay2=none
#include "case.h"

int main(void) {
    write_file("file", "");
    NEED(chmod("file", 0600));
    NEED(mkdir("d", 0755));
    SHOW(access("file", F_OK));
    SHOW(access("file", R_OK | W_OK));
    SHOW(access("file", X_OK));
    SHOW(access("d", R_OK | W_OK | X_OK));
    SHOW(access("file", 8));
    SHOW(access("missing", F_OK));
    SHOW(access("file/x", F_OK));
    SHOW(access(NULL, F_OK));
    NEED(chmod(".", 0755));
    IN_CHILD("real user", {
        NEED(setresuid(1000, 0, 0));
        SHOW(access("file", R_OK));
        SHOW(syscall(SYS_faccessat2, AT_FDCWD, "file", R_OK, AT_EACCESS));
        SHOW(open("file", O_RDONLY) != -1);
    });
    IN_CHILD("effective user", {
        NEED(setresuid(0, 1000, 0));
        SHOW(access("file", R_OK));
        SHOW(syscall(SYS_faccessat2, AT_FDCWD, "file", R_OK, AT_EACCESS));
        SHOW(open("file", O_RDONLY));
    });
    symlink("missing", "link");
    SHOW(syscall(SYS_faccessat2, AT_FDCWD, "link", F_OK, AT_SYMLINK_NOFOLLOW));
    SHOW(syscall(SYS_faccessat2, AT_FDCWD, "link", F_OK, 0));
    SHOW(syscall(SYS_faccessat2, AT_FDCWD, "link", F_OK, 1));
    int fd = NEED(open("file", O_PATH));
    SHOW(syscall(SYS_faccessat2, fd, "", R_OK, AT_EMPTY_PATH));
    SHOW(syscall(SYS_faccessat2, 99, "x", R_OK, 0));
}
