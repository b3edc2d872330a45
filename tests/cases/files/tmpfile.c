// O_TMPFILE: no name until linkat gives one.
// also: --directfs=false --overlay2=none
#include "case.h"

int main(void) {
    SHOW(open(".", O_TMPFILE | O_RDONLY, 0600));
    SHOW(open("missing", O_TMPFILE | O_RDWR, 0600));
    write_file("file", "");
    SHOW(open("file", O_TMPFILE | O_RDWR, 0600));
    int fd = OK(open(".", O_TMPFILE | O_RDWR, 0640));
    struct stat stat;
    fstat(fd, &stat);
    printf("%o links %ld\n", stat.st_mode, (long)stat.st_nlink);
    SHOW(write(fd, "secret", 6));
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    SHOW(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    print_file("named");
    fstat(fd, &stat);
    SHOW(stat.st_nlink);
    SHOW(linkat(fd, "", AT_FDCWD, "again", AT_EMPTY_PATH));
    SHOW(unlink("named"));
    print_file("again");
    fd = OK(open(".", O_TMPFILE | O_RDWR | O_EXCL, 0640));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    SHOW(linkat(AT_FDCWD, path, AT_FDCWD, "excluded", AT_SYMLINK_FOLLOW));
}
