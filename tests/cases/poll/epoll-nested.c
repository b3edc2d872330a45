// An epoll in an epoll, in poll, across fork; loops are refused.
#include "case.h"
#include <sys/epoll.h>

int main(void) {
    int outer = NEED(epoll_create1(0)), inner = NEED(epoll_create1(0)), pair[2];
    NEED(pipe(pair));
    struct epoll_event event = {EPOLLIN, {.u64 = 5}}, got = {0};
    SHOW(epoll_ctl(inner, EPOLL_CTL_ADD, pair[0], &event));
    event.data.u64 = 6;
    SHOW(epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event));
    SHOW(epoll_ctl(inner, EPOLL_CTL_ADD, outer, &event));
    SHOW(epoll_wait(outer, &got, 1, 0));
    struct pollfd query = {outer, POLLIN};
    SHOW(poll(&query, 1, 0));
    NEED(write(pair[1], "x", 1));
    SHOW(poll(&query, 1, 1000));
    SHOW(epoll_wait(outer, &got, 1, 1000));
    printf("%x %lu\n", got.events, (unsigned long)got.data.u64);
    SHOW(epoll_wait(inner, &got, 1, 0));
    char byte;
    NEED(read(pair[0], &byte, 1));
    SHOW(epoll_wait(outer, &got, 1, 0));
    IN_CHILD("child", {
        sleep_ms(10);
        NEED(write(pair[1], "y", 1));
        SHOW(epoll_wait(outer, &got, 1, 1000));
    });
    SHOW(epoll_wait(outer, &got, 1, 1000));
    int chain[8];
    for (int i = 0; i < 8; i++) chain[i] = NEED(epoll_create1(0));
    for (int i = 0; i < 7; i++) {
        int result = epoll_ctl(chain[i + 1], EPOLL_CTL_ADD, chain[i], &event);
        printf("%d %s\n", i, result ? errno_name(errno) : "ok");
    }
}
