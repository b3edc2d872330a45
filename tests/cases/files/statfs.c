// statfs(2): kinds and errors.
// also: --directfs=false --overlay2=none
#include "case.h"
#include <sys/statvfs.h>
#include <sys/vfs.h>

int main(void) {
    struct statfs st;
    SHOW(statfs("/proc", &st));
    printf("%lx namelen %ld\n", (long)st.f_type, (long)st.f_namelen);
    SHOW(statfs("/sys", &st));
    printf("%lx\n", (long)st.f_type);
    SHOW(statfs("/dev/pts", &st));
    printf("%lx\n", (long)st.f_type);
    SHOW(statfs(".", &st));
    IS(st.f_bsize > 0 && st.f_blocks > 0 && st.f_bavail <= st.f_blocks);
    SHOW(st.f_namelen);
    SHOW(statfs("missing", &st));
    SHOW(statfs(".", (struct statfs *)8));
    int fd = NEED(open(".", O_RDONLY)), pair[2];
    SHOW(fstatfs(fd, &st));
    NEED(pipe(pair));
    SHOW(fstatfs(pair[0], &st));
    printf("%lx\n", (long)st.f_type);
    SHOW(fstatfs(99, &st));
    struct statvfs vfs;
    SHOW(statvfs("/proc", &vfs));
    IS(vfs.f_namemax == 255);
}
