// Threads that wait on one epoll: each event goes to one; adding and removing while they wait.
#include "case.h"
#include <pthread.h>
#include <sys/epoll.h>

static int epoll, pair[2];
static int total;

static void *worker(void *unused) {
    struct epoll_event event;
    while (epoll_wait(epoll, &event, 1, -1) == 1) {
        char byte;
        if (event.data.u64 == 9) break;
        if (read(pair[0], &byte, 1) == 1) __atomic_add_fetch(&total, 1, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

int main(void) {
    NEED(pipe2(pair, O_NONBLOCK));
    epoll = NEED(epoll_create1(0));
    struct epoll_event event = {EPOLLIN, {.u64 = 1}};
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, worker, NULL);
    sleep_ms(10);
    NEED(epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event));
    for (int i = 0; i < 500; i++) {
        while (write(pair[1], "x", 1) != 1) sched_yield();
        if (i % 50 == 0) sleep_ms(1);
    }
    long start = now_ms();
    while (__atomic_load_n(&total, __ATOMIC_SEQ_CST) < 500 && now_ms() - start < 15000) sleep_ms(1);
    SHOW(total);
    int end[2];
    NEED(pipe(end));
    event.data.u64 = 9;
    NEED(write(end[1], "x", 1));
    NEED(epoll_ctl(epoll, EPOLL_CTL_ADD, end[0], &event));
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
}
