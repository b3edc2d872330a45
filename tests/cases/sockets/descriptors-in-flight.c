// How many descriptors of one user may be in flight: RLIMIT_NOFILE of the sender, unless it may exceed limits (unix(7)).
#include "case.h"

static int pair[2];

static void send_ten(void) {
    char byte = 'x', space[CMSG_SPACE(10 * sizeof(int))] = {0};
    struct iovec vector = {&byte, 1};
    struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    struct cmsghdr *message = CMSG_FIRSTHDR(&header);
    *message = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(10 * sizeof(int))};
    for (int i = 0; i < 10; i++) ((int *)CMSG_DATA(message))[i] = 1;
    SHOW(sendmsg(pair[0], &header, MSG_DONTWAIT));
}

static void receive(void) {
    char byte;
    SHOW(read(pair[1], &byte, 1));
}

int main(void) {
    NEED(setrlimit(RLIMIT_NOFILE, &(struct rlimit){20, 20}));
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    puts("root");
    for (int i = 0; i < 4; i++) send_ten();
    IN_CHILD("user", {
        BECOME(54321);
        for (int i = 0; i < 4; i++) send_ten();
        for (int i = 0; i < 5; i++) receive();
        send_ten();
        send_ten();
        // As a process of the same user finds it.
        IN_CHILD("of the user", send_ten());
        int other[2];
        NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, other));
        pair[0] = other[0];
        send_ten();
    });
    IN_CHILD("another user", BECOME(54322); send_ten());
}
