// Supplementary groups: setgroups(2), getgroups(2), and the errors.
#include "case.h"
#include <grp.h>

int main(void) {
    gid_t groups[70000] = {30, 10, 20, 10};
    SHOW(setgroups(4, groups));
    memset(groups, 0, sizeof groups);
    SHOW(getgroups(0, NULL));
    SHOW(getgroups(3, groups));
    SHOW(getgroups(-1, groups));
    int count = SHOW(getgroups(100, groups));
    for (int i = 0; i < count; i++) printf("  %d\n", groups[i]);
    SHOW(setgroups(65537, groups));
    SHOW(setgroups(1, (gid_t *)8));
    SHOW(setgroups(65536, groups));
    SHOW(getgroups(0, NULL));
    SHOW(syscall(SYS_getgroups, 65536, (gid_t *)8));
    SHOW(setgroups(0, NULL));
    SHOW(getgroups(0, NULL));
    gid_t one = 1234;
    NEED(setgroups(1, &one));
    IN_CHILD("user", {
        NEED(setuid(1000));
        SHOW(setgroups(0, NULL));
        SHOW(getgroups(100, groups));
        printf("  %d\n", groups[0]);
        write_file("/dev/null", "");
    });
    write_file("file", "x");
    NEED(chown("file", 0, 1234));
    NEED(chmod("file", 0060));
    IN_CHILD("by group", NEED(setgid(5)); NEED(setuid(1000)); SHOW(access("file", R_OK | W_OK)); SHOW(access("file", X_OK)));
}
