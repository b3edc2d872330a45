// Socket options: values, lengths, errors (socket(7)).
// also: --network host
#include "case.h"
#include <netinet/in.h>
#include <netinet/tcp.h>

static void get(const char *what, int fd, int level, int option) {
    int value = -99;
    socklen_t length = sizeof value;
    int result = getsockopt(fd, level, option, &value, &length);
    printf("%s: %d %s length %d\n", what, result ? -1 : value, errno_name(result ? errno : 0), length);
}

int main(void) {
    int stream = NEED(socket(AF_UNIX, SOCK_STREAM, 0)), tcp = NEED(socket(AF_INET, SOCK_STREAM, 0)), udp = NEED(socket(AF_INET6, SOCK_DGRAM, 0)), one = 1;
    int fds[] = {stream, tcp, udp};
    for (int i = 0; i < 3; i++) {
        get("type", fds[i], SOL_SOCKET, SO_TYPE);
        get("domain", fds[i], SOL_SOCKET, SO_DOMAIN);
        get("protocol", fds[i], SOL_SOCKET, SO_PROTOCOL);
        get("error", fds[i], SOL_SOCKET, SO_ERROR);
        get("accepting", fds[i], SOL_SOCKET, SO_ACCEPTCONN);
        get("reuse", fds[i], SOL_SOCKET, SO_REUSEADDR);
        SHOW(setsockopt(fds[i], SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
        get("reuse", fds[i], SOL_SOCKET, SO_REUSEADDR);
        SHOW(setsockopt(fds[i], SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one));
        get("keep alive", fds[i], SOL_SOCKET, SO_KEEPALIVE);
        get("unknown", fds[i], SOL_SOCKET, 9999);
        get("unknown level", fds[i], 9999, 1);
    }
    int size = 20000;
    SHOW(setsockopt(stream, SOL_SOCKET, SO_SNDBUF, &size, sizeof size));
    get("send buffer", stream, SOL_SOCKET, SO_SNDBUF);
    size = 1;
    SHOW(setsockopt(stream, SOL_SOCKET, SO_RCVBUF, &size, sizeof size));
    get("least receive buffer", stream, SOL_SOCKET, SO_RCVBUF);
    SHOW(setsockopt(stream, SOL_SOCKET, SO_SNDBUF, &size, 2));
    struct linger linger = {1, 5};
    SHOW(setsockopt(tcp, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
    struct timeval time = {1, 500000};
    SHOW(setsockopt(stream, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
    time.tv_usec = 1000000;
    SHOW(setsockopt(stream, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
    socklen_t length = sizeof time;
    SHOW(getsockopt(stream, SOL_SOCKET, SO_RCVTIMEO, &time, &length));
    printf("%ld.%06ld\n", (long)time.tv_sec, (long)time.tv_usec);
    get("no delay", tcp, IPPROTO_TCP, TCP_NODELAY);
    SHOW(setsockopt(tcp, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one));
    get("no delay", tcp, IPPROTO_TCP, TCP_NODELAY);
    get("IPv6 only", udp, IPPROTO_IPV6, IPV6_V6ONLY);
    get("hops", tcp, IPPROTO_IP, IP_TTL);
    SHOW(getsockopt(tcp, SOL_SOCKET, SO_TYPE, (void *)8, &length));
    SHOW(getsockopt(tcp, SOL_SOCKET, SO_TYPE, &one, (void *)8));
    SHOW(getsockopt(0, SOL_SOCKET, SO_TYPE, &one, &length));
    SHOW(setsockopt(99, SOL_SOCKET, SO_TYPE, &one, sizeof one));
    SHOW(setsockopt(tcp, SOL_SOCKET, SO_TYPE, &one, sizeof one));
}
