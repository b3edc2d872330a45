// FD_CLOEXEC, close_range(2) and what exec keeps open.
#include "case.h"
#include <linux/close_range.h>

static void list(const char *what) {
    printf("%s:", what);
    for (int fd = 0; fd < 64; fd++)
        if (fcntl(fd, F_GETFD) != -1) printf(" %d%s", fd, fcntl(fd, F_GETFD) & FD_CLOEXEC ? "c" : "");
    printf("\n");
}

int main(int argc, char **argv) {
    if (argc > 1) {
        list("after exec");
        return 0;
    }
    close_range(3, ~0U, 0);
    NEED(dup2(0, 10));
    NEED(dup3(0, 11, O_CLOEXEC));
    NEED(open("/dev/null", O_RDONLY | O_CLOEXEC));
    NEED(fcntl(0, F_DUPFD_CLOEXEC, 20));
    NEED(fcntl(0, F_DUPFD, 20));
    NEED(dup2(11, 12));
    list("before");
    IN_CHILD("exec", execl("/proc/self/exe", "case", "list", NULL));
    SHOW(close_range(12, 30, CLOSE_RANGE_CLOEXEC));
    list("cloexec range");
    SHOW(close_range(20, 10, 0));
    SHOW(close_range(0, 1, 16));
    SHOW(close_range(20, 21, CLOSE_RANGE_UNSHARE));
    list("closed range");
    SHOW(dup3(0, 0, 0));
    SHOW(dup2(0, 0));
    SHOW(dup3(0, 13, 1));
    SHOW(dup2(99, 5));
    SHOW(dup2(99, 99));
    SHOW(dup2(0, -1));
    SHOW(dup2(0, 1 << 30));
    SHOW(fcntl(0, F_DUPFD, -1));
    SHOW(fcntl(0, F_DUPFD, 1 << 30));
    SHOW(close(99));
    IN_CHILD("exec", execl("/proc/self/exe", "case", "list", NULL));
}
