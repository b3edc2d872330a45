// Chains of epolls are short, whichever end is made first, and few ways lead from a file to the outermost ones.
#include "case.h"
#include <sys/epoll.h>

static struct epoll_event event = {EPOLLIN};

static void chain(bool inner_first) {
    int epolls[8], refused = 0;
    for (int i = 0; i < 8; i++) epolls[i] = NEED(epoll_create1(0));
    for (int i = 0; i < 7; i++) {
        int at = inner_first ? 6 - i : i;
        if (epoll_ctl(epolls[at], EPOLL_CTL_ADD, epolls[at + 1], &event) == 0) continue;
        printf("link %d: %s\n", i, errno_name(errno));
        refused++;
    }
    printf("%d of 7 links refused\n", refused);
    for (int i = 0; i < 8; i++) close(epolls[i]);
}

enum { WIDTH = 11 };

int main(void) {
    chain(false);
    chain(true);
    int layers[3][WIDTH], pair[2];
    for (int i = 0; i < 3 * WIDTH; i++) layers[i / WIDTH][i % WIDTH] = NEED(epoll_create1(0));
    for (int layer = 0; layer < 2; layer++)
        for (int i = 0; i < WIDTH * WIDTH; i++) NEED(epoll_ctl(layers[layer][i / WIDTH], EPOLL_CTL_ADD, layers[layer + 1][i % WIDTH], &event));
    NEED(pipe(pair));
    SHOW(epoll_ctl(layers[2][0], EPOLL_CTL_ADD, pair[0], &event));
    for (int i = 0; i < 2 * WIDTH; i++) NEED(epoll_ctl(layers[0][i / WIDTH], EPOLL_CTL_DEL, layers[1][i % WIDTH], NULL));
    SHOW(epoll_ctl(layers[2][0], EPOLL_CTL_ADD, pair[0], &event));
    SHOW(epoll_ctl(layers[0][0], EPOLL_CTL_ADD, layers[1][0], &event));
    SHOW(epoll_ctl(layers[0][1], EPOLL_CTL_ADD, layers[1][0], &event));
    close(layers[0][2]);
    SHOW(epoll_ctl(layers[0][1], EPOLL_CTL_ADD, layers[1][0], &event));
    NEED(write(pair[1], "x", 1));
    struct epoll_event got[2 * WIDTH];
    SHOW(epoll_wait(layers[0][3], got, 2 * WIDTH, 1000));
    SHOW(epoll_wait(layers[0][0], got, 2 * WIDTH, 1000));
}
