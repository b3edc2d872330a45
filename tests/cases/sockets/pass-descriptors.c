// SCM_RIGHTS: passing descriptors, limits, truncation, order with data (unix(7)).
#include "case.h"

static ssize_t send_fds(int socket, const char *data, int *fds, int count) {
    static char control[2000];
    struct iovec vector = {(char *)data, strlen(data)};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(header), fds, count * sizeof(int));
    return sendmsg(socket, &message, 0);
}

static int received[300];
static int receive(int socket, size_t room, int flags) {
    static char text[100], control[2000];
    struct iovec vector = {text, sizeof text};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room};
    ssize_t length = recvmsg(socket, &message, flags);
    if (length == -1) {
        printf("  %s\n", errno_name(errno));
        return 0;
    }
    int count = 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        int here = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(received + count, CMSG_DATA(header), here * sizeof(int));
        count += here;
    }
    printf("  \"%.*s\" %d descriptors flags %x\n", (int)length, text, count, message.msg_flags);
    return count;
}

int main(void) {
    int pair[2], pipes[2], many[254];
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    NEED(pipe(pipes));
    SHOW(send_fds(pair[0], "a", (int[]){pipes[1], pipes[0]}, 2));
    receive(pair[1], 2000, MSG_CMSG_CLOEXEC);
    SHOW(fcntl(received[0], F_GETFD));
    SHOW(write(received[0], "through", 7));
    char text[20];
    SHOW(read(pipes[0], text, 20));
    close(received[0]);
    close(received[1]);
    // Descriptors bind to the bytes they came with.
    SHOW(send(pair[0], "x", 1, 0));
    SHOW(send_fds(pair[0], "y", pipes, 1));
    SHOW(send(pair[0], "z", 1, 0));
    receive(pair[1], 2000, 0);
    receive(pair[1], 2000, 0);
    // No room for them: dropped, and told.
    SHOW(send_fds(pair[0], "b", pipes, 2));
    receive(pair[1], 0, 0);
    SHOW(send_fds(pair[0], "c", pipes, 2));
    receive(pair[1], CMSG_LEN(sizeof(int)), 0);
    for (int i = 0; i < 254; i++) many[i] = pipes[0];
    SHOW(send_fds(pair[0], "d", many, 253));
    receive(pair[1], 2000, 0);
    for (int i = 0; i < 253; i++) close(received[i]);
    SHOW(send_fds(pair[0], "e", many, 254));
    SHOW(send_fds(pair[0], "f", (int[]){999}, 1));
    SHOW(send_fds(pair[0], "g", (int[]){-1}, 1));
    // A socket through itself; a file that the sender closes.
    SHOW(send_fds(pair[0], "h", &pair[1], 1));
    receive(pair[1], 2000, 0);
    write_file("file", "contents");
    int fd = NEED(open("file", O_RDONLY));
    SHOW(send_fds(pair[0], "i", &fd, 1));
    close(fd);
    unlink("file");
    IN_CHILD("child", receive(pair[1], 2000, 0); SHOW(read(received[0], text, 20)));
    // Peeking gives copies.
    SHOW(send_fds(pair[0], "j", pipes, 1));
    receive(pair[1], 2000, MSG_PEEK);
    receive(pair[1], 2000, 0);
}
