// fcntl(2): owner, signal, pipe size, shared flags, and commands that do not exist.
// also: --directfs=false --overlay2=none
#include "case.h"

int main(void) {
    int fd = NEED(open("file", O_RDWR | O_CREAT, 0644)), pair[2];
    NEED(pipe(pair));
    SHOW(fcntl(fd, 9999));
    SHOW(fcntl(99, F_GETFD));
    SHOW(fcntl(fd, F_GETOWN));
    SHOW(fcntl(fd, F_SETOWN, getpid()));
    IS(fcntl(fd, F_GETOWN) == getpid());
    SHOW(fcntl(fd, F_SETOWN, 999999));
    struct f_owner_ex owner = {F_OWNER_PGRP, getpgrp()};
    SHOW(fcntl(fd, F_SETOWN_EX, &owner));
    IS(fcntl(fd, F_GETOWN_EX, &owner) == 0 && owner.type == F_OWNER_PGRP);
    SHOW(fcntl(fd, F_GETSIG));
    SHOW(fcntl(fd, F_SETSIG, SIGUSR1));
    SHOW(fcntl(fd, F_GETSIG));
    SHOW(fcntl(fd, F_SETSIG, 65));
    SHOW(fcntl(pair[0], F_GETPIPE_SZ));
    SHOW(fcntl(pair[0], F_SETPIPE_SZ, 5000));
    SHOW(fcntl(fd, F_GETPIPE_SZ));
    SHOW(fcntl(fd, F_SETFL, O_NONBLOCK | O_NOATIME));
    SHOW(fcntl(fd, F_GETFL) & (O_NONBLOCK | O_NOATIME));
    int copy = dup(fd), again = NEED(open("file", O_RDWR));
    fcntl(copy, F_SETFL, O_APPEND);
    SHOW(!!(fcntl(fd, F_GETFL) & O_APPEND));
    SHOW(!!(fcntl(again, F_GETFL) & O_APPEND));
}
