// RLIMIT_NOFILE bounds the number, not the count of descriptors (getrlimit(2)).
#include "case.h"

int main(void) {
    struct rlimit limit = {12, 12};
    NEED(setrlimit(RLIMIT_NOFILE, &limit));
    int pair[2], last = -1, count = 0;
    for (int fd; (fd = open("/dev/null", O_RDONLY)) != -1; count++) last = fd;
    printf("last %d %s\n", last, errno_name(errno));
    SHOW(dup(0));
    SHOW(pipe(pair));
    SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(dup2(0, 12));
    SHOW(dup2(0, 11));
    SHOW(fcntl(0, F_DUPFD, 11));
    SHOW(fcntl(0, F_DUPFD, 12));
    close(5);
    SHOW(pipe(pair));
    SHOW(open("/dev/null", O_RDONLY));
    limit.rlim_cur = 3;
    NEED(setrlimit(RLIMIT_NOFILE, &limit));
    close(5);
    SHOW(open("/dev/null", O_RDONLY));
    SHOW(read(11, &limit, 0));
    struct pollfd many[4] = {{0}};
    SHOW(poll(many, 4, 0));
    SHOW(select(13, NULL, NULL, NULL, &(struct timeval){0}));
}
