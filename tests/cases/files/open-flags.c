// open(2): creation, exclusion, truncation, kinds of files, and the errors.
// also: --directfs=false --overlay2=none
#include "case.h"

int main(void) {
    SHOW(open("missing", O_RDONLY));
    SHOW(open("missing/file", O_RDONLY | O_CREAT, 0644));
    SHOW(open("", O_RDONLY));
    SHOW(open(NULL, O_RDONLY));
    OK(open("new", O_RDWR | O_CREAT | O_EXCL, 0640));
    SHOW(open("new", O_RDWR | O_CREAT | O_EXCL, 0640));
    write_file("file", "contents");
    SHOW(open("file/x", O_RDONLY));
    SHOW(open("file/", O_RDONLY));
    SHOW(open("file", O_RDONLY | O_DIRECTORY));
    SHOW(open(".", O_RDWR));
    SHOW(open(".", O_WRONLY));
    SHOW(open(".", O_RDONLY | O_CREAT, 0644));
    SHOW(open("other/", O_RDONLY | O_CREAT, 0644));
    SHOW(open("x", O_RDONLY | O_CREAT | O_DIRECTORY, 0644));
    symlink("file", "link");
    symlink("nowhere", "dangling");
    symlink("loop", "loop");
    symlink(".", "folder-link");
    SHOW(open("link", O_RDONLY | O_NOFOLLOW));
    SHOW(open("folder-link", O_RDONLY | O_NOFOLLOW | O_DIRECTORY));
    OK(open("folder-link/", O_RDONLY | O_NOFOLLOW | O_DIRECTORY));
    SHOW(open("dangling", O_RDONLY));
    SHOW(open("dangling", O_RDONLY | O_CREAT | O_EXCL, 0644));
    OK(open("dangling", O_RDONLY | O_CREAT, 0644));
    SHOW(access("nowhere", F_OK));
    SHOW(open("loop", O_RDONLY));
    int fd = NEED(open("file", O_RDONLY | O_TRUNC));
    struct stat stat;
    fstat(fd, &stat);
    SHOW(stat.st_size);
    write_file("file", "contents");
    fd = NEED(open("file", O_WRONLY | O_APPEND));
    SHOW(lseek(fd, 0, SEEK_SET));
    SHOW(write(fd, "+", 1));
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(pwrite(fd, "-", 1, 0));
    SHOW(read(fd, &stat, 1));
    print_file("file");
    fd = NEED(open("file", O_RDONLY));
    SHOW(write(fd, "x", 1));
    SHOW(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
    SHOW(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK | O_RDWR));
    SHOW(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
    fd = NEED(open("file", 3));
    SHOW(read(fd, &stat, 1));
    SHOW(write(fd, &stat, 1));
    mkfifo("fifo", 0644);
    SHOW(open("fifo", O_WRONLY | O_NONBLOCK));
    OK(open("fifo", O_RDONLY | O_NONBLOCK));
    OK(open("fifo", O_RDWR));
}
