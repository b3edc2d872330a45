// What is left of a TCP connection after its end: by shutdown(2), by a reset, by one that SO_LINGER asks for.
#include "case.h"
#include <netinet/in.h>
#include <sys/socket.h>

static int client, server;

static void pair(void) {
    struct sockaddr_in address = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    int listener = NEED(socket(AF_INET, SOCK_STREAM, 0));
    NEED(bind(listener, (void *)&address, length));
    NEED(listen(listener, 1));
    NEED(getsockname(listener, (void *)&address, &length));
    client = NEED(socket(AF_INET, SOCK_STREAM, 0));
    NEED(connect(client, (void *)&address, length));
    server = NEED(accept(listener, NULL, NULL));
    close(listener);
}

static int peer(int fd) {
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    return getpeername(fd, (void *)&address, &length);
}

// Packets take their time.
static void await(int fd, short events) { poll(&(struct pollfd){fd, events}, 1, 10000); }

static void rest(void) {
    char buffer[8];
    await(server, POLLRDHUP);
    SHOW(peer(server));
    SHOW(recv(server, buffer, 3, MSG_DONTWAIT));
    SHOW(recv(server, buffer, 8, MSG_DONTWAIT));
    SHOW(recv(server, buffer, 8, MSG_DONTWAIT));
    SHOW(send(server, "x", 1, MSG_NOSIGNAL));
    await(server, 0);
    SHOW(send(server, "x", 1, MSG_NOSIGNAL));
    SHOW(peer(server));
    close(server);
}

int main(void) {
    puts("shutdown of both");
    pair();
    SHOW(shutdown(client, SHUT_WR));
    SHOW(peer(client));
    await(server, POLLRDHUP);
    SHOW(peer(server));
    SHOW(shutdown(server, SHUT_WR));
    await(client, 0);
    SHOW(peer(client));
    SHOW(peer(server));
    close(client);
    close(server);

    puts("close");
    pair();
    SHOW(send(client, "hello", 5, 0));
    close(client);
    rest();

    puts("close with unread data");
    pair();
    SHOW(send(server, "unread", 6, 0));
    await(client, POLLIN);
    SHOW(send(client, "hello", 5, 0));
    close(client);
    rest();

    puts("close without lingering");
    pair();
    struct linger none = {1, 0};
    SHOW(setsockopt(client, SOL_SOCKET, SO_LINGER, &none, sizeof none));
    SHOW(send(client, "hello", 5, 0));
    close(client);
    rest();
}
