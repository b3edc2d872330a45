// Permission bits as an ordinary user: owner, group, others, search, sticky folders.
// also: --directfs=false --overlay2=none
#include "case.h"

int main(void) {
    umask(0);
    NEED(chmod(".", 0755));
    for (int mode = 0; mode < 8; mode++)
        for (int class = 0; class < 3; class++) {
            char name[20];
            snprintf(name, sizeof name, "m%d%d", mode, class);
            write_file(name, "x");
            NEED(chown(name, class == 0 ? 1000 : 0, class == 1 ? 1000 : 0));
            // Only the class counts that fits first, even if another would allow more.
            NEED(chmod(name, class == 0 ? mode << 6 | 077 : class == 1 ? mode << 3 | 0707 : mode | 0770));
        }
    NEED(mkdir("noexec", 0766));
    write_file("noexec/f", "x");
    NEED(mkdir("noread", 0711));
    write_file("noread/f", "x");
    NEED(mkdir("sticky", 01777));
    write_file("sticky/root", "x");
    write_file("sticky/mine", "x");
    NEED(chown("sticky/mine", 1000, 1000));
    NEED(mkdir("closed", 0755));
    write_file("closed/open", "x");
    NEED(chmod("closed/open", 0666));
    IN_CHILD("user", {
        BECOME(1000);
        for (int class = 0; class < 3; class++)
            for (int mode = 0; mode < 8; mode++) {
                char name[20];
                snprintf(name, sizeof name, "m%d%d", mode, class);
                printf("%s r%d w%d x%d\n", name, open(name, O_RDONLY) != -1, open(name, O_WRONLY) != -1, access(name, X_OK) == 0);
            }
        SHOW(open("noexec", O_RDONLY) != -1);
        SHOW(open("noexec/f", O_RDONLY));
        SHOW(access("noexec/missing", F_OK));
        SHOW(open("noread", O_RDONLY));
        SHOW(open("noread/f", O_RDONLY) != -1);
        SHOW(unlink("sticky/root"));
        SHOW(rename("sticky/root", "sticky/x"));
        SHOW(rename("sticky/mine", "sticky/root"));
        SHOW(unlink("sticky/mine"));
        SHOW(unlink("closed/open"));
        SHOW(open("closed/new", O_CREAT | O_WRONLY, 0666));
        SHOW(open("closed/open", O_CREAT | O_WRONLY, 0666) != -1);
        SHOW(mkdir("closed/d", 0777));
        SHOW(symlink("x", "closed/s"));
        SHOW(open("closed/open", O_WRONLY | O_TRUNC) != -1);
    });
    IN_CHILD("root", SHOW(open("m00", O_RDWR) != -1); SHOW(access("m00", R_OK | W_OK)); SHOW(access("m60", X_OK)));
}
