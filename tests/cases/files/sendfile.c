// sendfile(2) between kinds of files.
// also: --directfs=false --overlay2=none
#include "case.h"
#include <sys/sendfile.h>

int main(void) {
    write_file("from", "0123456789");
    int from = NEED(open("from", O_RDONLY)), to = NEED(open("to", O_RDWR | O_CREAT, 0644)), pair[2], sockets[2];
    char text[20];
    NEED(pipe(pair));
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
    SHOW(sendfile(to, from, NULL, 3));
    off_t offset = 6;
    SHOW(sendfile(to, from, &offset, 100));
    SHOW(offset);
    SHOW(lseek(from, 0, SEEK_CUR));
    print_file("to");
    SHOW(sendfile(pair[1], from, NULL, 4));
    SHOW(read(pair[0], text, sizeof text));
    SHOW(sendfile(sockets[1], from, NULL, 100));
    SHOW(read(sockets[0], text, sizeof text));
    SHOW(sendfile(to, from, NULL, 10));
    offset = -1;
    SHOW(sendfile(to, from, &offset, 10));
    SHOW(sendfile(from, from, NULL, 10));
    SHOW(sendfile(99, from, NULL, 10));
    int append = NEED(open("to", O_WRONLY | O_APPEND));
    offset = 0;
    SHOW(sendfile(append, from, &offset, 10));
    SHOW(sendfile(to, from, (off_t *)8, 10));
}
