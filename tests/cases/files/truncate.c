// truncate(2), ftruncate(2): sizes, kinds, modes.
// also: --directfs=false --overlay2=none
#include "case.h"

int main(void) {
    struct stat stat;
    write_file("file", "0123456789");
    SHOW(truncate("file", 5));
    print_file("file");
    SHOW(truncate("file", 8));
    int fd = NEED(open("file", O_RDWR));
    char text[10];
    SHOW(read(fd, text, 10));
    printf("%d %d\n", text[4], text[5]);
    SHOW(truncate("file", -1));
    SHOW(truncate("missing", 0));
    SHOW(truncate(".", 0));
    SHOW(truncate("", 0));
    symlink("file", "link");
    SHOW(truncate("link", 2));
    print_file("file");
    int read_only = NEED(open("file", O_RDONLY)), pair[2];
    SHOW(ftruncate(read_only, 0));
    SHOW(ftruncate(99, 0));
    NEED(pipe(pair));
    SHOW(ftruncate(pair[1], 0));
    SHOW(ftruncate(fd, 1L << 36));
    fstat(fd, &stat);
    printf("%ld\n", (long)stat.st_size);
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(ftruncate(fd, 0));
    SHOW(read(fd, text, 1));
    SHOW(write(fd, "x", 1));
    fstat(fd, &stat);
    printf("%ld\n", (long)stat.st_size);
    NEED(chmod("file", 0444));
    NEED(chmod(".", 0755));
    IN_CHILD("user", BECOME(1000); SHOW(truncate("file", 0)));
    NEED(mkfifo("fifo", 0666));
    SHOW(truncate("fifo", 0));
    // Truncation clears the set-user-ID bit for those without the privilege.
    write_file("suid", "xyz");
    NEED(chown("suid", 1000, 1000));
    NEED(chmod("suid", 06777));
    IN_CHILD("clears", BECOME(1000); SHOW(truncate("suid", 1)));
    NEED(lstat("suid", &stat));
    printf("%o\n", stat.st_mode);
}
