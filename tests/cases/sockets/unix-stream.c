// AF_UNIX streams: addresses, connect, accept, shutdown, errors (unix(7)).
#include "case.h"
#include <sys/un.h>

static struct sockaddr_un name(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    return address;
}

int main(void) {
    struct sockaddr_un address = name("socket"), other;
    socklen_t length = sizeof address;
    char text[20];
    signal(SIGPIPE, SIG_IGN);
    int server = OK(socket(AF_UNIX, SOCK_STREAM, 0)), client = OK(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    SHOW(connect(client, (void *)&address, length));
    SHOW(listen(server, 1));
    SHOW(bind(server, (void *)&address, length));
    SHOW(bind(server, (void *)&address, length));
    SHOW(connect(client, (void *)&address, length));
    int third = NEED(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(bind(third, (void *)&address, length));
    SHOW(accept(server, NULL, NULL));
    SHOW(listen(server, 1));
    SHOW(connect(client, (void *)&address, length));
    SHOW(connect(client, (void *)&address, length));
    memset(&other, 0x55, sizeof other);
    length = sizeof other;
    int accepted = OK(accept4(server, (void *)&other, &length, SOCK_CLOEXEC));
    printf("family %d length %d\n", other.sun_family, length);
    SHOW(fcntl(accepted, F_GETFD));
    SHOW(accept4(server, NULL, NULL, 1));
    length = sizeof other;
    SHOW(getpeername(client, (void *)&other, &length));
    printf("\"%s\" %d\n", other.sun_path, length);
    length = sizeof other;
    SHOW(getsockname(client, (void *)&other, &length));
    SHOW(length);
    length = 4;
    SHOW(getsockname(server, (void *)&other, &length));
    SHOW(length);
    SHOW(send(client, "hello", 5, 0));
    SHOW(recv(accepted, text, 3, 0));
    SHOW(recv(accepted, text, 20, MSG_PEEK));
    SHOW(recv(accepted, text, 20, MSG_DONTWAIT));
    SHOW(recv(accepted, text, 20, MSG_DONTWAIT));
    SHOW(send(client, "x", 1, MSG_OOB));
    SHOW(sendto(client, "x", 1, 0, (void *)&address, sizeof address));
    SHOW(shutdown(client, SHUT_WR));
    SHOW(send(client, "x", 1, 0));
    SHOW(recv(accepted, text, 20, 0));
    SHOW(send(accepted, "back", 4, 0));
    SHOW(shutdown(client, 9));
    SHOW(recv(client, text, 20, 0));
    close(client);
    SHOW(send(accepted, "x", 1, 0));
    SHOW(send(accepted, "x", 1, MSG_NOSIGNAL));
    SHOW(recv(accepted, text, 20, 0));
    IN_CHILD("signal", signal(SIGPIPE, SIG_DFL); send(accepted, "x", 1, 0));
    close(server);
    client = NEED(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(connect(client, (void *)&address, sizeof address));
    address = name("missing");
    SHOW(connect(client, (void *)&address, sizeof address));
    write_file("file", "");
    address = name("file");
    SHOW(connect(client, (void *)&address, sizeof address));
    SHOW(connect(client, (void *)&address, 1));
    SHOW(connect(client, (void *)&address, 200));
    address.sun_family = AF_INET;
    SHOW(bind(client, (void *)&address, sizeof address));
    SHOW(open("socket", O_RDONLY));
    SHOW(getpeername(client, (void *)&other, &length));
    struct stat stat;
    NEED(lstat("socket", &stat));
    printf("%o\n", stat.st_mode & S_IFMT);
}
