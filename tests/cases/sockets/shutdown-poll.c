// What poll says at each state of a stream socket.
// also: --network host
#include "case.h"
#include <sys/un.h>

static void show(const char *what, int fd) {
    struct pollfd query = {fd, POLLIN | POLLOUT | POLLRDHUP | POLLPRI};
    int result = poll(&query, 1, 0);
    printf("%s: %d %x\n", what, result, query.revents);
}

int main(void) {
    int pair[2];
    show("new", NEED(socket(AF_UNIX, SOCK_STREAM, 0)));
    show("new datagram", NEED(socket(AF_UNIX, SOCK_DGRAM, 0)));
    show("new TCP", NEED(socket(AF_INET, SOCK_STREAM, 0)));
    show("new UDP", NEED(socket(AF_INET, SOCK_DGRAM, 0)));
    struct sockaddr_un address = {AF_UNIX, "socket"};
    int server = NEED(socket(AF_UNIX, SOCK_STREAM, 0)), client = NEED(socket(AF_UNIX, SOCK_STREAM, 0));
    NEED(bind(server, (void *)&address, sizeof address));
    NEED(listen(server, 3));
    show("listening", server);
    NEED(connect(client, (void *)&address, sizeof address));
    show("connection waits", server);
    show("not accepted yet", client);
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    show("pair", pair[0]);
    NEED(write(pair[1], "x", 1));
    show("data", pair[0]);
    NEED(shutdown(pair[1], SHUT_WR));
    show("peer shut down, data", pair[0]);
    show("shut down for writing", pair[1]);
    char byte;
    NEED(read(pair[0], &byte, 1));
    show("peer shut down", pair[0]);
    NEED(shutdown(pair[0], SHUT_WR));
    show("both shut down", pair[0]);
    close(pair[1]);
    show("peer gone", pair[0]);
    NEED(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
    static char block[10000];
    while (write(pair[0], block, sizeof block) > 0)
        ;
    show("full", pair[0]);
    show("peer of full", pair[1]);
    NEED(shutdown(pair[0], SHUT_RD));
    show("shut down for reading", pair[0]);
}
