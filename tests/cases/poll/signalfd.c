// signalfd(2): reading signals, masks, kinds.
#include "case.h"
#include <sys/signalfd.h>

int main(void) {
    sigset_t set;
    struct signalfd_siginfo info[3];
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    SHOW(signalfd(-1, &set, 0x1000));
    SHOW(signalfd(99, &set, 0));
    SHOW(signalfd(0, &set, 0));
    int fd = OK(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    SHOW(read(fd, info, sizeof info));
    raise(SIGUSR1);
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1});
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 2});
    struct pollfd query = {fd, POLLIN};
    SHOW(poll(&query, 1, 0));
    SHOW(read(fd, info, 100));
    int count = SHOW(read(fd, info, sizeof info));
    for (int i = 0; i < count / 128; i++)
        printf("%s code %d int %d pid %d uid %d\n", signal_name(info[i].ssi_signo), info[i].ssi_code, info[i].ssi_int, info[i].ssi_pid == getpid(), info[i].ssi_uid);
    pid_t child = NEED(fork());
    if (child == 0) _exit(33);
    query.revents = 0;
    SHOW(poll(&query, 1, 2000));
    SHOW(read(fd, info, sizeof info));
    printf("%s status %d pid %d\n", signal_name(info[0].ssi_signo), info[0].ssi_status, info[0].ssi_pid == child);
    reap("child", child);
    // Another mask for the same descriptor.
    sigdelset(&set, SIGUSR1);
    SHOW(signalfd(fd, &set, 0) == fd);
    raise(SIGUSR1);
    SHOW(read(fd, info, sizeof info));
    sigaddset(&set, SIGUSR1);
    SHOW(signalfd(fd, &set, 0) == fd);
    SHOW(read(fd, info, sizeof info));
    // A child reads its own signals through the inherited descriptor.
    raise(SIGUSR1);
    IN_CHILD("child", SHOW(read(fd, info, sizeof info)); raise(SIGRTMIN); SHOW(read(fd, info, sizeof info)));
    SHOW(read(fd, info, sizeof info));
    SHOW(write(fd, info, 128));
}
