// AF_UNIX datagrams: boundaries, addresses of senders, connected ones, truncation.
#include "case.h"
#include <sys/un.h>

static int bound(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int fd = NEED(socket(AF_UNIX, SOCK_DGRAM, 0));
    NEED(bind(fd, (void *)&address, sizeof address));
    return fd;
}

int main(void) {
    struct sockaddr_un a = {AF_UNIX, "a"}, b = {AF_UNIX, "b"}, from;
    socklen_t length = sizeof from;
    char text[100];
    int one = bound("a"), two = bound("b"), nameless = NEED(socket(AF_UNIX, SOCK_DGRAM, 0));
    SHOW(send(one, "x", 1, 0));
    SHOW(sendto(one, "first", 5, 0, (void *)&b, sizeof b));
    SHOW(sendto(nameless, "second", 6, 0, (void *)&b, sizeof b));
    SHOW(sendto(one, "", 0, 0, (void *)&b, sizeof b));
    SHOW(recvfrom(two, text, 3, 0, (void *)&from, &length));
    printf("from \"%s\" %d\n", from.sun_path, length);
    length = sizeof from;
    SHOW(recvfrom(two, text, 3, MSG_TRUNC, (void *)&from, &length));
    SHOW(length);
    SHOW(recv(two, text, 100, 0));
    SHOW(recv(two, text, 100, MSG_DONTWAIT));
    SHOW(connect(two, (void *)&a, sizeof a));
    SHOW(send(two, "to a", 4, 0));
    SHOW(recv(one, text, 100, 0));
    // A connected one takes messages from its peer alone.
    SHOW(sendto(nameless, "x", 1, 0, (void *)&b, sizeof b));
    SHOW(sendto(one, "y", 1, 0, (void *)&b, sizeof b));
    SHOW(connect(two, &(struct sockaddr){AF_UNSPEC}, sizeof(struct sockaddr)));
    SHOW(send(two, "x", 1, 0));
    close(one);
    SHOW(sendto(nameless, "x", 1, 0, (void *)&a, sizeof a));
    SHOW(listen(two, 1));
    SHOW(accept(two, NULL, NULL));
    // A full queue.
    int pair[2], sent = 0;
    NEED(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair));
    while (send(pair[0], "x", 1, 0) == 1 && sent < 100000) sent++;
    IS(sent > 0 && sent < 100000);
    puts(errno_name(errno));
    static char big[300000];
    SHOW(send(pair[1], big, sizeof big, 0));
}
