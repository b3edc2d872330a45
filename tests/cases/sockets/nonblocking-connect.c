// A connect that does not wait, polled; accept that does not wait; SO_ERROR.
// also: --network host
#include "case.h"
#include <netinet/in.h>

int main(void) {
    struct sockaddr_in address = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    int server = NEED(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    NEED(bind(server, (void *)&address, length));
    NEED(listen(server, 1));
    NEED(getsockname(server, (void *)&address, &length));
    SHOW(accept(server, NULL, NULL));
    int client = NEED(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    int result = connect(client, (void *)&address, length);
    IS(result == 0 || errno == EINPROGRESS);
    struct pollfd query = {client, POLLOUT};
    SHOW(poll(&query, 1, 1000));
    printf("%x\n", query.revents);
    int error = -1;
    length = sizeof error;
    SHOW(getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &length));
    SHOW(error);
    query.fd = server;
    query.events = POLLIN;
    SHOW(poll(&query, 1, 1000));
    int accepted = OK(accept(server, NULL, NULL));
    SHOW(fcntl(accepted, F_GETFL) & O_NONBLOCK);
    char byte;
    SHOW(recv(client, &byte, 1, 0));
    close(server);
    int refused = NEED(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    result = connect(refused, (void *)&address, sizeof address);
    if (result == -1 && errno == EINPROGRESS) {
        query = (struct pollfd){refused, POLLOUT};
        poll(&query, 1, 1000);
        getsockopt(refused, SOL_SOCKET, SO_ERROR, &error, &length);
    } else {
        error = errno;
    }
    puts(errno_name(error));
}
