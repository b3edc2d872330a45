// SOCK_SEQPACKET: connected, with boundaries.
#include "case.h"

int main(void) {
    int pair[2];
    char text[100];
    signal(SIGPIPE, SIG_IGN);
    SHOW(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
    SHOW(send(pair[0], "one", 3, 0));
    SHOW(send(pair[0], "second", 6, MSG_EOR));
    SHOW(recv(pair[1], text, 100, 0));
    struct iovec vector = {text, 2};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    SHOW(recvmsg(pair[1], &message, 0));
    printf("flags %x\n", message.msg_flags);
    SHOW(recv(pair[1], text, 100, MSG_DONTWAIT));
    SHOW(send(pair[0], "last", 4, 0));
    close(pair[0]);
    SHOW(recv(pair[1], text, 100, 0));
    SHOW(recv(pair[1], text, 100, 0));
    SHOW(send(pair[1], "x", 1, 0));
    SHOW(socketpair(AF_UNIX, SOCK_RAW, 0, pair));
    SHOW(socketpair(AF_UNIX, 99, 0, pair));
    SHOW(socketpair(AF_UNIX, SOCK_STREAM, 5, pair));
    SHOW(socketpair(AF_INET, SOCK_STREAM, 0, pair));
    SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, (int *)8));
    SHOW(socket(99, SOCK_STREAM, 0));
    SHOW(socket(AF_INET, SOCK_STREAM, 99));
}
