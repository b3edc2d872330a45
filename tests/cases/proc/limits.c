// /proc/self/limits, oom_score_adj, and writing what may be written.
#include "case.h"

int main(void) {
    struct rlimit limit = {77, 88};
    NEED(setrlimit(RLIMIT_NOFILE, &limit));
    limit = (struct rlimit){0, RLIM_INFINITY};
    NEED(setrlimit(RLIMIT_FSIZE, &limit));
    FILE *file = fopen("/proc/self/limits", "r");
    char line[200];
    while (fgets(line, sizeof line, file))
        if (strncmp(line, "Limit", 5) == 0 || strncmp(line, "Max open", 8) == 0 || strncmp(line, "Max file size", 13) == 0) printf("%s", line);
    print_file("/proc/self/oom_score_adj");
    int fd = NEED(open("/proc/self/oom_score_adj", O_RDWR));
    SHOW(write(fd, "500", 3));
    print_file("/proc/self/oom_score_adj");
    SHOW(write(fd, "2000", 4));
    SHOW(write(fd, "text", 4));
    IN_CHILD("inherited", print_file("/proc/self/oom_score_adj"));
    fd = NEED(open("/proc/self/comm", O_RDWR));
    SHOW(write(fd, "renamed", 7));
    print_file("/proc/self/comm");
    SHOW(pread(fd, line, 3, 2));
    SHOW(lseek(fd, 0, SEEK_END) == -1 ? -1 : 0);
}
