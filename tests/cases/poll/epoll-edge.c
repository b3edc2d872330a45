// EPOLLET, EPOLLONESHOT, EPOLLEXCLUSIVE, EPOLLRDHUP (epoll_ctl(2)).
#include "case.h"
#include <sys/epoll.h>

static int epoll;

static void wait_for(const char *what) {
    struct epoll_event events[10];
    int count = epoll_wait(epoll, events, 10, 0);
    printf("%s: %d", what, count);
    for (int i = 0; i < count; i++) printf(" [%x %lu]", events[i].events, (unsigned long)events[i].data.u64);
    printf("\n");
}

int main(void) {
    int pair[2];
    char text[100];
    NEED(pipe2(pair, O_NONBLOCK));
    epoll = NEED(epoll_create1(0));
    struct epoll_event event = {EPOLLIN | EPOLLET, {.u64 = 1}};
    NEED(epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event));
    NEED(write(pair[1], "aa", 2));
    wait_for("edge");
    wait_for("no new edge");
    NEED(read(pair[0], text, 1));
    wait_for("after a partial read");
    NEED(write(pair[1], "b", 1));
    wait_for("new data");
    NEED(epoll_ctl(epoll, EPOLL_CTL_MOD, pair[0], &event));
    wait_for("modified while ready");
    wait_for("once");
    NEED(read(pair[0], text, 100));
    event.events = EPOLLIN | EPOLLONESHOT;
    NEED(epoll_ctl(epoll, EPOLL_CTL_MOD, pair[0], &event));
    NEED(write(pair[1], "c", 1));
    wait_for("one shot");
    NEED(write(pair[1], "d", 1));
    wait_for("disarmed");
    NEED(epoll_ctl(epoll, EPOLL_CTL_MOD, pair[0], &event));
    wait_for("armed again");
    event.events = EPOLLIN | EPOLLEXCLUSIVE;
    SHOW(epoll_ctl(epoll, EPOLL_CTL_MOD, pair[0], &event));
    int copy = dup(pair[0]);
    SHOW(epoll_ctl(epoll, EPOLL_CTL_ADD, copy, &event));
    event.events = EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT;
    int third = dup(pair[0]);
    SHOW(epoll_ctl(epoll, EPOLL_CTL_ADD, third, &event));
    NEED(epoll_ctl(epoll, EPOLL_CTL_DEL, copy, NULL));
    NEED(epoll_ctl(epoll, EPOLL_CTL_DEL, pair[0], NULL));
    int sockets[2];
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
    event = (struct epoll_event){EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, {.u64 = 2}};
    NEED(epoll_ctl(epoll, EPOLL_CTL_ADD, sockets[0], &event));
    wait_for("socket");
    wait_for("no edge");
    NEED(write(sockets[1], "x", 1));
    wait_for("data");
    NEED(shutdown(sockets[1], SHUT_WR));
    wait_for("half closed");
    close(sockets[1]);
    wait_for("closed");
    wait_for("no edge");
    // A pipe's writer goes away.
    event = (struct epoll_event){EPOLLIN, {.u64 = 3}};
    int other[2];
    NEED(pipe(other));
    NEED(epoll_ctl(epoll, EPOLL_CTL_ADD, other[0], &event));
    close(other[1]);
    wait_for("hung up");
}
