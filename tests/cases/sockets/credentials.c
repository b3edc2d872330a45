// SO_PEERCRED, SO_PASSCRED, SCM_CREDENTIALS (unix(7)).
#include "case.h"
#include <sys/un.h>

static void receive(int socket) {
    char text[20], control[200];
    struct iovec vector = {text, sizeof text};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t length = recvmsg(socket, &message, 0);
    printf("  %zd bytes flags %x", length, message.msg_flags);
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        struct ucred *cred = (void *)CMSG_DATA(header);
        if (header->cmsg_type == SCM_CREDENTIALS)
            printf(" pid %s uid %d gid %d", cred->pid == getpid() ? "own" : cred->pid == getppid() ? "parent" : cred->pid ? "other" : "0", cred->uid, cred->gid);
        else
            printf(" type %d", header->cmsg_type);
    }
    printf("\n");
}

static long claim(int socket, pid_t pid, uid_t uid, gid_t gid) {
    char control[CMSG_SPACE(sizeof(struct ucred))] = {0};
    struct iovec vector = {"c", 1};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){CMSG_LEN(sizeof(struct ucred)), SOL_SOCKET, SCM_CREDENTIALS};
    *(struct ucred *)CMSG_DATA(header) = (struct ucred){pid, uid, gid};
    return sendmsg(socket, &message, 0);
}

int main(void) {
    int pair[2], one = 1;
    struct ucred cred;
    socklen_t length = sizeof cred;
    NEED(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
    SHOW(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &cred, &length));
    printf("pid %d uid %d gid %d\n", cred.pid == getpid(), cred.uid, cred.gid);
    NEED(send(pair[0], "before", 6, 0));
    SHOW(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one));
    receive(pair[1]);
    NEED(send(pair[0], "after", 5, 0));
    receive(pair[1]);
    SHOW(claim(pair[0], getpid(), 0, 0));
    receive(pair[1]);
    SHOW(claim(pair[0], getpid(), 77, 88));
    receive(pair[1]);
    SHOW(claim(pair[0], 999999, 0, 0));
    pid_t child = NEED(fork());
    if (child == 0) {
        BECOME(1000);
        SHOW(claim(pair[0], getpid(), 1000, 1000));
        SHOW(claim(pair[0], getpid(), 0, 1000));
        SHOW(claim(pair[0], getppid(), 1000, 1000));
        SHOW(send(pair[0], "x", 1, 0));
        _exit(0);
    }
    reap("child", child);
    receive(pair[1]);
    receive(pair[1]);
    // The credentials of a listening socket are those at listen.
    struct sockaddr_un address = {AF_UNIX, "socket"};
    int server = NEED(socket(AF_UNIX, SOCK_STREAM, 0)), client = NEED(socket(AF_UNIX, SOCK_STREAM, 0));
    NEED(bind(server, (void *)&address, sizeof address));
    NEED(listen(server, 1));
    NEED(connect(client, (void *)&address, sizeof address));
    SHOW(getsockopt(client, SOL_SOCKET, SO_PEERCRED, &cred, &length));
    printf("pid %d uid %d gid %d\n", cred.pid == getpid(), cred.uid, cred.gid);
    int nobody = NEED(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(getsockopt(nobody, SOL_SOCKET, SO_PEERCRED, &cred, &length));
    printf("pid %d uid %d gid %d\n", cred.pid, cred.uid, cred.gid);
}
