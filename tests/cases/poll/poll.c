// poll(2), ppoll(2): timeouts, masks, bad arguments.
#include "case.h"

static volatile int ran;
static void handler(int signo) { ran++; }

int main(void) {
    int pair[2];
    NEED(pipe(pair));
    struct pollfd set[3] = {{pair[0], POLLIN}, {-1, POLLIN}, {pair[1], POLLOUT}};
    SHOW(poll(set, 3, 1000));
    printf("%x %x %x\n", set[0].revents, set[1].revents, set[2].revents);
    set[2].fd = 99;
    SHOW(poll(set, 3, -1));
    printf("%x\n", set[2].revents);
    long start = now_ms();
    SHOW(poll(set, 1, 30));
    IS(now_ms() - start >= 30);
    SHOW(poll(NULL, 0, 10));
    SHOW(poll((struct pollfd *)8, 1, 0));
    SHOW(poll(set, 100000000, 0));
    start = now_ms();
    pid_t child = NEED(fork());
    if (child == 0) {
        sleep_ms(20);
        NEED(write(pair[1], "x", 1));
        _exit(0);
    }
    SHOW(poll(set, 1, -1));
    printf("%x\n", set[0].revents);
    reap("writer", child);
    char byte;
    NEED(read(pair[0], &byte, 1));
    struct timespec time = {0, 20000000}, bad = {0, -1};
    SHOW(ppoll(set, 1, &time, NULL));
    SHOW(ppoll(set, 1, &bad, NULL));
    sigset_t block, empty;
    sigemptyset(&empty);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    sigprocmask(SIG_BLOCK, &block, NULL);
    signal(SIGUSR1, handler);
    raise(SIGUSR1);
    SHOW(ppoll(set, 1, &time, NULL));
    SHOW(ran);
    SHOW(ppoll(set, 1, NULL, &empty));
    SHOW(ran);
    sigprocmask(SIG_BLOCK, NULL, &empty);
    SHOW(sigismember(&empty, SIGUSR1));
    // Ready descriptors win over pending signals.
    raise(SIGUSR1);
    sigemptyset(&empty);
    NEED(write(pair[1], "x", 1));
    SHOW(ppoll(set, 1, NULL, &empty));
    SHOW(ran);
    struct timespec left = {10, 0};
    SHOW(syscall(SYS_ppoll, set, 1, &left, NULL, 8));
    IS(left.tv_sec == 9);
}
