// splice(2): kinds, offsets, flags, and the errors.
#include "case.h"

int main(void) {
    char text[100];
    write_file("file", "0123456789");
    int fd = NEED(open("file", O_RDWR)), pair[2], other[2], sockets[2];
    NEED(pipe2(pair, O_NONBLOCK));
    NEED(pipe2(other, O_NONBLOCK));
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
    SHOW(splice(fd, NULL, pair[1], NULL, 4, 0));
    off_t offset = 8;
    SHOW(splice(fd, &offset, pair[1], NULL, 100, 0));
    SHOW(offset);
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(splice(pair[0], NULL, other[1], NULL, 5, 0));
    SHOW(read(other[0], text, 100));
    printf("%.5s\n", text);
    SHOW(splice(pair[0], NULL, sockets[1], NULL, 100, 0));
    SHOW(read(sockets[0], text, 100));
    NEED(write(sockets[0], "socket", 6));
    SHOW(splice(sockets[1], NULL, pair[1], NULL, 100, 0));
    offset = 2;
    SHOW(splice(pair[0], NULL, fd, &offset, 100, 0));
    print_file("file");
    SHOW(splice(pair[0], NULL, fd, NULL, 10, 0));
    SHOW(splice(pair[0], NULL, fd, NULL, 10, SPLICE_F_NONBLOCK));
    SHOW(splice(fd, NULL, fd, NULL, 10, 0));
    SHOW(splice(pair[0], NULL, pair[1], NULL, 10, 0));
    SHOW(splice(pair[0], &offset, fd, NULL, 10, 0));
    SHOW(splice(fd, NULL, pair[1], &offset, 10, 0));
    SHOW(splice(fd, NULL, pair[1], NULL, 10, 0x100));
    SHOW(splice(99, NULL, pair[1], NULL, 10, 0));
    SHOW(splice(pair[1], NULL, fd, NULL, 10, 0));
    SHOW(splice(fd, NULL, pair[1], NULL, 0, 0));
    int append = NEED(open("file", O_WRONLY | O_APPEND));
    NEED(write(pair[1], "x", 1));
    SHOW(splice(pair[0], NULL, append, NULL, 10, 0));
    close(pair[1]);
    SHOW(read(pair[0], text, 10));
    SHOW(splice(pair[0], NULL, other[1], NULL, 10, 0));
}
