// TCP over 127.0.0.1: ports, connect, both directions, shutdown, refusal, reset.
// also: --network host
#include "case.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

int main(void) {
    struct sockaddr_in address = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}}, other;
    socklen_t length = sizeof address;
    char text[100];
    signal(SIGPIPE, SIG_IGN);
    int server = NEED(socket(AF_INET, SOCK_STREAM, 0)), client = NEED(socket(AF_INET, SOCK_STREAM, 0));
    SHOW(recv(client, text, 1, 0));
    SHOW(send(client, text, 1, 0));
    SHOW(getpeername(client, (void *)&other, &length));
    SHOW(bind(server, (void *)&address, length));
    SHOW(bind(server, (void *)&address, length));
    SHOW(bind(client, (void *)&address, 5));
    struct sockaddr_in far = {AF_INET, 0, {inet_addr("192.0.2.1")}};
    SHOW(bind(client, (void *)&far, sizeof far));
    SHOW(getsockname(server, (void *)&address, &length));
    IS(ntohs(address.sin_port) > 1023);
    SHOW(connect(client, (void *)&address, length));
    SHOW(accept(server, NULL, NULL));
    SHOW(listen(server, 5));
    SHOW(connect(client, (void *)&address, length));
    int accepted = OK(accept(server, (void *)&other, &length));
    struct sockaddr_in own;
    NEED(getsockname(client, (void *)&own, &length));
    IS(own.sin_port == other.sin_port && own.sin_addr.s_addr == other.sin_addr.s_addr);
    SHOW(connect(client, (void *)&address, length));
    SHOW(send(client, "hello", 5, 0));
    SHOW(recv(accepted, text, 100, 0));
    SHOW(send(client, "one", 3, 0));
    SHOW(send(client, "two", 3, 0));
    SHOW(recv(accepted, text, 6, MSG_WAITALL));
    int count = -1;
    SHOW(ioctl(accepted, FIONREAD, &count));
    SHOW(count);
    SHOW(recv(accepted, text, 1, MSG_DONTWAIT));
    SHOW(shutdown(client, SHUT_WR));
    SHOW(recv(accepted, text, 1, 0));
    SHOW(send(accepted, "answer", 6, 0));
    SHOW(recv(client, text, 100, 0));
    struct pollfd query = {accepted, POLLIN | POLLOUT | POLLRDHUP};
    SHOW(poll(&query, 1, 100));
    printf("%x\n", query.revents);
    close(accepted);
    SHOW(recv(client, text, 1, 0));
    close(client);
    // Closed with data not read: a reset.
    client = NEED(socket(AF_INET, SOCK_STREAM, 0));
    NEED(connect(client, (void *)&address, length));
    accepted = NEED(accept(server, NULL, NULL));
    NEED(send(client, "unread", 6, 0));
    poll(&(struct pollfd){accepted, POLLIN}, 1, 10000);
    close(accepted);
    poll(&(struct pollfd){client, POLLIN}, 1, 10000);
    SHOW(recv(client, text, 1, 0));
    SHOW(send(client, "x", 1, 0));
    close(client);
    close(server);
    client = NEED(socket(AF_INET, SOCK_STREAM, 0));
    SHOW(connect(client, (void *)&address, length));
    int lazy = NEED(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    SHOW(connect(lazy, (void *)&address, length) == -1 && (errno == EINPROGRESS || errno == ECONNREFUSED));
    IN_CHILD("user", BECOME(1000); address.sin_port = htons(80); SHOW(bind(client, (void *)&address, length) == 0 || errno == EACCES));
}
