// chroot(2): the root changes, the working folder does not; dots stop there.
// also: --directfs=false --overlay2=none
#include "case.h"

int main(void) {
    NEED(mkdir("jail", 0755));
    NEED(mkdir("jail/inner", 0755));
    write_file("jail/file", "inside");
    write_file("file", "outside");
    symlink("/file", "jail/link");
    SHOW(chroot("missing"));
    SHOW(chroot("file"));
    NEED(chmod(".", 0755));
    IN_CHILD("user", BECOME(1000); SHOW(chroot("jail")));
    int outside = NEED(open(".", O_RDONLY));
    IN_CHILD("jailed", {
        SHOW(chroot("jail"));
        print_file("file");
        print_file("/file");
        char path[300] = "";
        NEED(syscall(SYS_getcwd, path, sizeof path));
        IS(strncmp(path, "(unreachable)", 13) == 0);
        SHOW(chdir("/"));
        print_file("file");
        print_file("../../file");
        print_file("link");
        print_file("/inner/../../file");
        SHOW(chdir("inner"));
        NEED(syscall(SYS_getcwd, path, sizeof path));
        puts(path);
        // The well-known way out is open, as on Linux.
        SHOW(fchdir(outside));
        print_file("file");
        SHOW(access("/proc", F_OK));
        SHOW(execl("/bin/true", "true", NULL));
    });
    print_file("file");
}
