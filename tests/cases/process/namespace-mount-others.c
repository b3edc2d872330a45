// Mounts of another mount namespace can be seen by /proc/PID/root, and not be changed or copied from there.
#include "case.h"
#include <sys/mount.h>

struct attributes {
    uint64_t set, clear, propagation, userns;
};

int main(void) {
    int pair[2];
    NEED(pipe(pair));
    pid_t child = NEED(fork());
    if (child == 0) {
        NEED(unshare(CLONE_NEWNS));
        NEED(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
        NEED(mount("none", "/mnt", "tmpfs", 0, NULL));
        NEED(write(pair[1], "x", 1));
        for (;;) pause();
    }
    char byte, path[64];
    NEED(read(pair[0], &byte, 1));
    snprintf(path, sizeof path, "/proc/%d/root/mnt", child);
    struct attributes attributes = {.set = 1};
    SHOW(syscall(SYS_mount_setattr, AT_FDCWD, path, 0, &attributes, sizeof attributes));
    SHOW(syscall(SYS_open_tree, AT_FDCWD, path, 1 /* OPEN_TREE_CLONE */));
    SHOW(mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
    SHOW(mount(path, "/mnt", NULL, MS_BIND, NULL));
    SHOW(umount2(path, MNT_DETACH));
    // Only looking at it is allowed.
    OK(syscall(SYS_open_tree, AT_FDCWD, path, 0));
    strcat(path, "/file");
    OK(open(path, O_WRONLY | O_CREAT, 0600));
    kill(child, SIGKILL);
    reap("child", child);
}
