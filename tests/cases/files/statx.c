// statx(2): masks, attributes and the errors.
// also: --directfs=false --overlay2=none
#include "case.h"

int main(void) {
    struct statx st;
    umask(022);
    write_file("file", "12345");
    SHOW(statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS, &st));
    printf("mode %o size %lld links %u\n", st.stx_mode, (long long)st.stx_size, st.stx_nlink);
    printf("mask %x\n", st.stx_mask & STATX_BASIC_STATS);
    SHOW(statx(AT_FDCWD, "missing", 0, STATX_ALL, &st));
    SHOW(statx(AT_FDCWD, "file", 0, 0x80000000, &st));
    SHOW(statx(AT_FDCWD, "file", 0x10, STATX_ALL, &st));
    SHOW(statx(AT_FDCWD, "file", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, STATX_ALL, &st));
    SHOW(statx(AT_FDCWD, "file", AT_STATX_DONT_SYNC, 0, &st));
    SHOW(statx(AT_FDCWD, "", AT_EMPTY_PATH, STATX_TYPE, &st));
    printf("type %o\n", st.stx_mode & S_IFMT);
    SHOW(statx(AT_FDCWD, "file", 0, STATX_ALL, (struct statx *)8));
    int fd = NEED(open("file", O_RDONLY));
    SHOW(statx(fd, "", AT_EMPTY_PATH, STATX_ALL, &st));
    SHOW(statx(fd, "x", 0, STATX_ALL, &st));
    symlink("file", "link");
    SHOW(statx(AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW, STATX_MODE | STATX_TYPE, &st));
    printf("mode %o\n", st.stx_mode);
    SHOW(statx(AT_FDCWD, "/proc", 0, STATX_ALL, &st));
    IS(!!(st.stx_attributes & 0x2000));
}
