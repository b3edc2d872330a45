// Credentials name a process as the reader's pid namespace shows it: not at all where it does not.
#include "case.h"

static int pair[2], listener;

static void show(const char *who, pid_t pid, pid_t expected) {
    printf("%s: %s\n", who, pid == 0 ? "nobody" : pid == expected ? "the other" : "another");
}

static void send_to(int fd) { NEED(send(fd, "x", 1, 0)); }

static pid_t sender(int fd) {
    char byte, control[CMSG_SPACE(sizeof(struct ucred))];
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    NEED(recvmsg(fd, &message, 0));
    struct ucred creds = {-1};
    if (CMSG_FIRSTHDR(&message)) memcpy(&creds, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof creds);
    return creds.pid;
}

static pid_t peer(int fd) {
    struct ucred creds;
    socklen_t length = sizeof creds;
    NEED(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &creds, &length));
    return creds.pid;
}

static int inside(void *unused) {
    show("sender, from inside", sender(pair[1]), -1);
    show("peer, from inside", peer(pair[1]), -1);
    send_to(pair[1]);
    sender(pair[1]);
    struct sockaddr_un { sa_family_t family; char name[12]; } address = {AF_UNIX, "\0credentials"};
    int fd = NEED(socket(AF_UNIX, SOCK_STREAM, 0));
    NEED(connect(fd, (struct sockaddr *)&address, sizeof address));
    show("listener, from inside", peer(fd), -1);
    send_to(pair[1]);
    sender(pair[1]);
    return 0;
}

int main(void) {
    static char stack[65536] __attribute__((aligned(16)));
    struct sockaddr_un { sa_family_t family; char name[12]; } address = {AF_UNIX, "\0credentials"};
    int yes = 1;
    NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
    for (int i = 0; i < 2; i++) NEED(setsockopt(pair[i], SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes));
    listener = NEED(socket(AF_UNIX, SOCK_STREAM, 0));
    NEED(bind(listener, (struct sockaddr *)&address, sizeof address));
    NEED(listen(listener, 1));
    pid_t child = NEED(clone(inside, stack + sizeof stack, CLONE_NEWPID | SIGCHLD, NULL));
    send_to(pair[0]);
    show("sender, from outside", sender(pair[0]), child);
    send_to(pair[0]);
    sender(pair[0]);
    int fd = NEED(accept(listener, NULL, NULL));
    show("client, from outside", peer(fd), child);
    send_to(pair[0]);
    reap("child", child);
    show("client, after its end", peer(fd), child);
}
