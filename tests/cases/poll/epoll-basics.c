// epoll(7): control, errors, level-triggered events.
#include "case.h"
#include <sys/epoll.h>

static int epoll;

static void wait_for(const char *what, int limit) {
    struct epoll_event events[10];
    int count = epoll_wait(epoll, events, 10, limit);
    printf("%s: %d", what, count);
    if (count == -1) printf(" %s", errno_name(errno));
    for (int i = 0; i < count; i++) printf(" [%x %lu]", events[i].events, (unsigned long)events[i].data.u64);
    printf("\n");
}

int main(void) {
    int pair[2], file = NEED(open("file", O_RDWR | O_CREAT, 0644));
    struct epoll_event event = {EPOLLIN, {.u64 = 11}};
    NEED(pipe(pair));
    SHOW(epoll_create(0));
    SHOW(epoll_create1(1));
    epoll = OK(epoll_create1(EPOLL_CLOEXEC));
    wait_for("empty", 0);
    SHOW(epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event));
    SHOW(epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event));
    SHOW(epoll_ctl(epoll, EPOLL_CTL_ADD, file, &event));
    SHOW(epoll_ctl(epoll, EPOLL_CTL_ADD, 99, &event));
    SHOW(epoll_ctl(epoll, EPOLL_CTL_ADD, epoll, &event));
    SHOW(epoll_ctl(pair[0], EPOLL_CTL_ADD, pair[1], &event));
    SHOW(epoll_ctl(99, EPOLL_CTL_ADD, pair[1], &event));
    SHOW(epoll_ctl(epoll, EPOLL_CTL_MOD, pair[1], &event));
    SHOW(epoll_ctl(epoll, EPOLL_CTL_DEL, pair[1], NULL));
    SHOW(epoll_ctl(epoll, 99, pair[1], &event));
    SHOW(epoll_ctl(epoll, EPOLL_CTL_ADD, pair[1], (struct epoll_event *)8));
    wait_for("nothing ready", 0);
    NEED(write(pair[1], "ab", 2));
    wait_for("readable", -1);
    wait_for("still", 0);
    char byte;
    NEED(read(pair[0], &byte, 1));
    wait_for("one byte left", 0);
    NEED(read(pair[0], &byte, 1));
    wait_for("empty again", 0);
    event = (struct epoll_event){EPOLLOUT | EPOLLIN, {.u64 = 22}};
    SHOW(epoll_ctl(epoll, EPOLL_CTL_ADD, pair[1], &event));
    wait_for("writable", 0);
    event = (struct epoll_event){EPOLLIN, {.u64 = 33}};
    SHOW(epoll_ctl(epoll, EPOLL_CTL_MOD, pair[1], &event));
    wait_for("changed", 0);
    // The same file by another number is another entry; it stays while any descriptor is open.
    int copy = dup(pair[0]);
    event.data.u64 = 44;
    SHOW(epoll_ctl(epoll, EPOLL_CTL_ADD, copy, &event));
    NEED(write(pair[1], "x", 1));
    struct epoll_event events[10];
    SHOW(epoll_wait(epoll, events, 10, 0));
    close(copy);
    SHOW(epoll_wait(epoll, events, 10, 0));
    SHOW(epoll_ctl(epoll, EPOLL_CTL_DEL, copy, NULL));
    close(pair[0]);
    close(pair[1]);
    wait_for("all closed", 0);
    SHOW(epoll_wait(epoll, events, 0, 0));
    SHOW(epoll_wait(epoll, events, -1, 0));
    SHOW(epoll_wait(epoll, events, INT_MAX, 0));
    SHOW(epoll_wait(file, events, 1, 0));
    SHOW(epoll_wait(99, events, 1, 0));
    long start = now_ms();
    wait_for("time", 30);
    IS(now_ms() - start >= 30);
    SHOW(epoll_pwait2(epoll, events, 1, &(struct timespec){0, 1000000}, NULL));
    SHOW(epoll_pwait2(epoll, events, 1, &(struct timespec){0, -1}, NULL));
    SHOW(read(epoll, events, 1));
}
