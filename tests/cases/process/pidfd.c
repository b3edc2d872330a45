// pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2), and polling for the end.
#include "case.h"
#include <sys/pidfd.h>

int main(void) {
    SHOW(pidfd_open(0, 0));
    SHOW(pidfd_open(-1, 0));
    SHOW(pidfd_open(999999, 0));
    SHOW(pidfd_open(getpid(), 1));
    pid_t child = NEED(fork());
    if (child == 0)
        for (;;) pause();
    int fd = OK(pidfd_open(child, 0));
    SHOW(fcntl(fd, F_GETFD));
    SHOW(fcntl(fd, F_GETFL));
    char byte;
    SHOW(read(fd, &byte, 1));
    SHOW(write(fd, &byte, 1));
    struct pollfd poll_fd = {fd, POLLIN, 0};
    SHOW(poll(&poll_fd, 1, 0));
    SHOW(pidfd_send_signal(fd, 0, NULL, 0));
    SHOW(pidfd_send_signal(fd, 65, NULL, 0));
    SHOW(pidfd_send_signal(fd, SIGUSR1, NULL, 99));
    SHOW(pidfd_send_signal(0, SIGUSR1, NULL, 0));
    SHOW(pidfd_getfd(fd, 99, 0));
    SHOW(pidfd_getfd(fd, 1, 1));
    int copy = OK(pidfd_getfd(fd, 1, 0));
    SHOW(fcntl(copy, F_GETFD));
    SHOW(write(copy, "copied\n", 7));
    siginfo_t info;
    int lazy = OK(pidfd_open(child, PIDFD_NONBLOCK));
    SHOW(waitid(P_PIDFD, lazy, &info, WEXITED));
    SHOW(pidfd_send_signal(fd, SIGTERM, NULL, 0));
    SHOW(poll(&poll_fd, 1, 5000));
    SHOW(poll_fd.revents);
    SHOW(pidfd_getfd(fd, 1, 0));
    SHOW(waitid(P_PIDFD, fd, &info, WEXITED));
    SHOW(info.si_status);
    SHOW(pidfd_send_signal(fd, 0, NULL, 0));
    SHOW(waitid(P_PIDFD, fd, &info, WEXITED));
    poll_fd.revents = 0;
    SHOW(poll(&poll_fd, 1, 0));
    SHOW(pidfd_open(child, 0));
    int own = OK(pidfd_open(getpid(), 0));
    signal(SIGUSR1, SIG_IGN);
    SHOW(pidfd_send_signal(own, SIGUSR1, NULL, 0));
    // The directory of a process stands for it, that of a thread does not.
    int directory = NEED(open("/proc/self", O_DIRECTORY | O_RDONLY));
    SHOW(pidfd_send_signal(directory, SIGUSR1, NULL, 0));
    SHOW(pidfd_getfd(directory, 1, 0));
    SHOW(pidfd_send_signal(NEED(open("/proc/self", O_PATH)), SIGUSR1, NULL, 0));
    SHOW(pidfd_send_signal(NEED(open("/proc/thread-self", O_DIRECTORY | O_RDONLY)), SIGUSR1, NULL, 0));
    SHOW(pidfd_send_signal(NEED(open("/proc", O_DIRECTORY | O_RDONLY)), SIGUSR1, NULL, 0));
}
