// Descriptors opened with O_PATH: what they can and cannot do (open(2)).
// also: --directfs=false --overlay2=none
#include "case.h"
#include <sys/ioctl.h>

int main(void) {
    char text[10];
    write_file("file", "text");
    NEED(chmod("file", 0));
    NEED(mkdir("d", 0755));
    write_file("d/x", "x");
    int fd = OK(open("file", O_PATH | O_RDWR | O_APPEND));
    SHOW(fcntl(fd, F_GETFL) == O_PATH);
    SHOW(read(fd, text, 1));
    SHOW(write(fd, text, 1));
    SHOW(fchmod(fd, 0644));
    SHOW(fchown(fd, 0, 0));
    SHOW(ioctl(fd, FIONREAD, text));
    SHOW(fcntl(fd, F_SETFL, O_APPEND));
    SHOW(fcntl(fd, F_SETFD, FD_CLOEXEC));
    OK(dup(fd));
    struct stat stat;
    SHOW(fstat(fd, &stat));
    SHOW(fsync(fd));
    SHOW(ftruncate(fd, 0));
    struct flock lock = {.l_type = F_RDLCK};
    SHOW(fcntl(fd, F_SETLK, &lock));
    struct pollfd query = {fd, POLLIN};
    SHOW(poll(&query, 1, 0));
    SHOW(query.revents);
    int folder = OK(open("d", O_PATH));
    OK(openat(folder, "x", O_RDONLY));
    SHOW(syscall(SYS_getdents64, folder, text, sizeof text));
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    OK(open(path, O_RDONLY));
    SHOW(chmod(path, 0640));
    SHOW(fstat(fd, &stat));
    printf("%o\n", stat.st_mode);
    SHOW(open("missing", O_PATH));
    SHOW(open("file", O_PATH | O_DIRECTORY));
    // O_CREAT is ignored.
    SHOW(open("new", O_PATH | O_CREAT, 0644));
}
