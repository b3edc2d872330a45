// IPv6 loopback, and IPv4 clients on an IPv6 socket.
// also: --network host
#include "case.h"
#include <arpa/inet.h>
#include <netinet/in.h>

int main(void) {
    struct sockaddr_in6 address = {.sin6_family = AF_INET6}, peer;
    socklen_t length = sizeof address;
    int zero = 0, server = NEED(socket(AF_INET6, SOCK_STREAM, 0));
    NEED(setsockopt(server, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero));
    SHOW(bind(server, (void *)&address, length));
    SHOW(listen(server, 2));
    NEED(getsockname(server, (void *)&address, &length));
    struct sockaddr_in four = {AF_INET, address.sin6_port, {htonl(INADDR_LOOPBACK)}};
    int client = NEED(socket(AF_INET, SOCK_STREAM, 0));
    SHOW(connect(client, (void *)&four, sizeof four));
    OK(accept(server, (void *)&peer, &length));
    char text[100];
    puts(inet_ntop(AF_INET6, &peer.sin6_addr, text, sizeof text));
    address.sin6_addr = in6addr_loopback;
    client = NEED(socket(AF_INET6, SOCK_STREAM, 0));
    SHOW(connect(client, (void *)&address, sizeof address));
    length = sizeof peer;
    OK(accept(server, (void *)&peer, &length));
    puts(inet_ntop(AF_INET6, &peer.sin6_addr, text, sizeof text));
}
