// A socket that travels to its own other end and is lost on the way.
#include "case.h"

int main(void) {
    int pair[2];
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    char byte = 'x', control[CMSG_SPACE(sizeof(int))];
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    *CMSG_FIRSTHDR(&message) = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &pair[0], sizeof(int));
    SHOW(sendmsg(pair[0], &message, 0));
    close(pair[0]);
    data.iov_base = (void *)16;
    SHOW(recvmsg(pair[1], &message, 0));
    close(pair[1]);
}
