// Fifty megabytes over loopback TCP, both directions at once, arrive whole.
// also: --network host
#include "case.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>

static void *sends(void *fd) {
    static unsigned block[16384];
    unsigned next = 0;
    for (int round = 0; round < 400; round++) {
        unsigned mine[16384];
        for (int i = 0; i < 16384; i++) mine[i] = next++;
        for (char *at = (char *)mine, *end = at + sizeof mine; at < end;) {
            ssize_t count = send((int)(long)fd, at, end - at, 0);
            if (count <= 0) return (void *)1;
            at += count;
        }
    }
    (void)block;
    shutdown((int)(long)fd, SHUT_WR);
    return NULL;
}

static long receives(int fd) {
    unsigned next = 0, word = 0, have = 0;
    long bad = 0;
    static __thread unsigned char buffer[100000];
    ssize_t count;
    while ((count = recv(fd, buffer, sizeof buffer, 0)) > 0)
        for (ssize_t i = 0; i < count; i++) {
            word |= (unsigned)buffer[i] << 8 * have;
            if (++have == 4) {
                bad += word != next++;
                word = have = 0;
            }
        }
    return bad + (next != 400 * 16384);
}

int main(void) {
    struct sockaddr_in address = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    int server = NEED(socket(AF_INET, SOCK_STREAM, 0));
    NEED(bind(server, (void *)&address, length));
    NEED(listen(server, 1));
    NEED(getsockname(server, (void *)&address, &length));
    pid_t child = NEED(fork());
    int fd;
    if (child == 0) {
        fd = NEED(socket(AF_INET, SOCK_STREAM, 0));
        NEED(connect(fd, (void *)&address, length));
    } else {
        fd = NEED(accept(server, NULL, NULL));
    }
    pthread_t thread;
    pthread_create(&thread, NULL, sends, (void *)(long)fd);
    long bad = receives(fd);
    pthread_join(thread, NULL);
    if (child == 0) _exit(bad != 0);
    SHOW(bad);
    reap("child", child);
}
