// Which calls go on after a handler with SA_RESTART, and which fail with EINTR (signal(7)).
#include "case.h"
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/msg.h>

static volatile int *ran;
static void handler(int signo) { ++*ran; }

// Interrupts the parent while it waits; ends the wait of those that go on.
static void poke(int fd) {
    if (NEED(fork()) == 0) {
        pid_t parent = getppid();
        int before = *ran;
        await_state(parent, 'S');
        kill(parent, SIGUSR1);
        while (*ran == before) sleep_ms(1);
        await_state(parent, 'S');
        if (fd != -1) NEED(write(fd, "x", 1));
        _exit(3);
    }
}

static void attempts(void) {
    int pair[2], status;
    char byte;
    NEED(pipe(pair));
    struct pollfd poll_fd = {pair[0], POLLIN, 0};
    struct timespec second = {20, 0}, left;
    poke(pair[1]);
    SHOW(read(pair[0], &byte, 1));
    wait(&status);
    poke(-1);
    errno = 0;
    int result = wait(&status);
    printf("wait %s %s\n", result > 0 ? "child" : "-1", errno_name(errno));
    while (wait(&status) > 0 || errno == EINTR)
        ;
    poke(pair[1]);
    SHOW(poll(&poll_fd, 1, 20000));
    while (wait(&status) > 0 || errno == EINTR)
        ;
    SHOW(read(pair[0], &byte, 1));
    poke(-1);
    SHOW(nanosleep(&second, &left));
    IS(left.tv_sec > 0);
    while (wait(&status) > 0 || errno == EINTR)
        ;
    poke(-1);
    CODE(clock_nanosleep(CLOCK_MONOTONIC, 0, &second, NULL));
    while (wait(&status) > 0 || errno == EINTR)
        ;
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pair[0], &set);
    poke(pair[1]);
    SHOW(select(pair[0] + 1, &set, NULL, NULL, NULL));
    while (wait(&status) > 0 || errno == EINTR)
        ;
    SHOW(read(pair[0], &byte, 1));
    int sockets[2];
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
    poke(sockets[1]);
    SHOW(recv(sockets[0], &byte, 1, 0));
    while (wait(&status) > 0 || errno == EINTR)
        ;
    struct timeval limit = {20, 0};
    NEED(setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
    poke(sockets[1]);
    SHOW(recv(sockets[0], &byte, 1, MSG_PEEK));
    while (wait(&status) > 0 || errno == EINTR)
        ;
    int epoll = NEED(epoll_create1(0));
    struct epoll_event event = {EPOLLIN};
    NEED(epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event));
    poke(pair[1]);
    SHOW(epoll_wait(epoll, &event, 1, 20000));
    while (wait(&status) > 0 || errno == EINTR)
        ;
}

int main(void) {
    ran = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    puts("with SA_RESTART");
    attempts();
    action.sa_flags = 0;
    sigaction(SIGUSR1, &action, NULL);
    puts("without");
    attempts();
    SHOW(*ran);
}
