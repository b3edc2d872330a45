// select(2), pselect(2): sets, limits, time left, bad descriptors.
#include "case.h"
#include <sys/select.h>

int main(void) {
    int pair[2];
    NEED(pipe(pair));
    fd_set in, out, except;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_ZERO(&except);
    FD_SET(pair[0], &in);
    FD_SET(pair[1], &out);
    FD_SET(pair[0], &except);
    SHOW(select(pair[1] + 1, &in, &out, &except, NULL));
    printf("%d %d %d\n", FD_ISSET(pair[0], &in), FD_ISSET(pair[1], &out), FD_ISSET(pair[0], &except));
    FD_SET(pair[0], &in);
    struct timeval time = {0, 20000};
    SHOW(select(pair[0] + 1, &in, NULL, NULL, &time));
    printf("%d left %ld.%06ld\n", FD_ISSET(pair[0], &in), (long)time.tv_sec, (long)time.tv_usec);
    NEED(write(pair[1], "x", 1));
    FD_SET(pair[0], &in);
    time.tv_sec = 10;
    SHOW(select(pair[0] + 1, &in, NULL, NULL, &time));
    IS(time.tv_sec == 9 || time.tv_sec == 10);
    // Both a read and a write set count.
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(pair[0], &in);
    FD_SET(pair[1], &in);
    FD_SET(pair[1], &out);
    SHOW(select(pair[1] + 1, &in, &out, NULL, NULL));
    // The first argument ends the sets.
    FD_SET(pair[0], &in);
    SHOW(select(pair[0], &in, NULL, NULL, &(struct timeval){0, 0}));
    FD_ZERO(&in);
    FD_SET(500, &in);
    SHOW(select(501, &in, NULL, NULL, &(struct timeval){0, 0}));
    SHOW(select(-1, NULL, NULL, NULL, NULL));
    SHOW(select(0, NULL, NULL, NULL, &(struct timeval){-1, 0}));
    SHOW(select(0, NULL, NULL, NULL, &(struct timeval){0, 2000000}));
    SHOW(select(10, (fd_set *)8, NULL, NULL, &(struct timeval){0, 0}));
    SHOW(pselect(0, NULL, NULL, NULL, &(struct timespec){0, 1000000}, NULL));
    SHOW(pselect(0, NULL, NULL, NULL, &(struct timespec){0, 1000000000}, NULL));
    close(pair[0]);
    FD_ZERO(&out);
    FD_SET(pair[1], &out);
    FD_ZERO(&in);
    FD_SET(pair[1], &in);
    SHOW(select(pair[1] + 1, &in, &out, NULL, NULL));
    printf("%d %d\n", FD_ISSET(pair[1], &in), FD_ISSET(pair[1], &out));
}
