// mount(2), umount2(2) in a mount namespace of one's own: tmpfs, bind, read-only, and the errors.
// also: --directfs=false --overlay2=none
#include "case.h"
#include <sys/mount.h>

int main(void) {
    NEED(mkdir("m", 0755));
    NEED(mkdir("b", 0755));
    write_file("file", "outer");
    NEED(chmod(".", 0755));
    IN_CHILD("user", BECOME(1000); SHOW(mount("none", "m", "tmpfs", 0, NULL)); SHOW(umount("m")));
    NEED(unshare(CLONE_NEWNS));
    NEED(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    SHOW(mount("none", "missing", "tmpfs", 0, NULL));
    SHOW(mount("none", "m", "no-such-file-system", 0, NULL));
    SHOW(mount("none", "file", "tmpfs", 0, NULL));
    SHOW(umount("m"));
    SHOW(mount("none", "m", "tmpfs", 0, "size=1m,mode=700"));
    struct stat stat;
    NEED(lstat("m", &stat));
    printf("%o\n", stat.st_mode);
    write_file("m/x", "in the tmpfs");
    SHOW(mount("m", "b", NULL, MS_BIND, NULL));
    print_file("b/x");
    SHOW(rename("m/x", "b/y"));
    SHOW(rename("m/x", "y"));
    SHOW(link("m/x", "y"));
    SHOW(rmdir("m"));
    SHOW(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
    SHOW(open("b/x", O_WRONLY));
    SHOW(unlink("b/x"));
    SHOW(chmod("b/x", 0600));
    SHOW(mkdir("b/d", 0755));
    SHOW(access("b/x", W_OK));
    write_file("m/x", "changed");
    print_file("b/x");
    int fd = NEED(open("m/x", O_RDONLY));
    SHOW(umount("m"));
    SHOW(umount2("m", MNT_DETACH));
    SHOW(access("m/x", F_OK));
    char text[20] = "";
    SHOW(read(fd, text, sizeof text));
    SHOW(umount2("b", 99));
    SHOW(umount("b"));
    SHOW(mount("file", "b", NULL, MS_BIND, NULL));
    write_file("target", "");
    SHOW(mount("file", "target", NULL, MS_BIND, NULL));
    print_file("target");
    SHOW(umount("target"));
    print_file("target");
    SHOW(mount("none", "m", "tmpfs", MS_NOEXEC | MS_NODEV, "size=64k"));
    write_file("m/script", "#!/bin/true\n");
    chmod("m/script", 0755);
    SHOW(execl("m/script", "script", NULL));
    fd = NEED(open("m/big", O_WRONLY | O_CREAT, 0644));
    static char block[100000];
    SHOW(write(fd, block, sizeof block) < 100000);
    SHOW(write(fd, block, sizeof block));
}
