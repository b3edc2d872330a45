// Abstract names: zero first, bytes of any kind, autobind, gone with the socket.
#include "case.h"
#include <stddef.h>
#include <sys/un.h>

int main(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX}, other;
    snprintf(address.sun_path + 1, 100, "lazaret-case-%d", getpid());
    socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(address.sun_path + 1);
    int server = NEED(socket(AF_UNIX, SOCK_STREAM, 0)), client = NEED(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(bind(server, (void *)&address, length));
    SHOW(listen(server, 5));
    // Another length is another name.
    SHOW(connect(client, (void *)&address, length + 1));
    SHOW(connect(client, (void *)&address, length));
    socklen_t got = sizeof other;
    SHOW(getpeername(client, (void *)&other, &got));
    IS(got == length && memcmp(&other, &address, length) == 0);
    int third = NEED(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(bind(third, (void *)&address, length));
    close(server);
    SHOW(bind(third, (void *)&address, length));
    int automatic = NEED(socket(AF_UNIX, SOCK_DGRAM, 0));
    SHOW(bind(automatic, (void *)&address, sizeof(sa_family_t)));
    got = sizeof other;
    SHOW(getsockname(automatic, (void *)&other, &got));
    SHOW(got);
    SHOW(other.sun_path[0]);
    SHOW(access(address.sun_path + 1, F_OK));
}
