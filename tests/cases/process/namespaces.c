// /proc/PID/ns, unshare(2) and setns(2).
#include "case.h"
#include <sched.h>

static ino_t number(const char *kind) {
    char path[64];
    struct stat stat;
    snprintf(path, sizeof path, "/proc/self/ns/%s", kind);
    NEED(lstat(path, &stat));
    IS(S_ISLNK(stat.st_mode));
    char text[64] = "", expected[64];
    NEED(readlink(path, text, sizeof text - 1));
    int fd = NEED(open(path, O_RDONLY));
    NEED(fstat(fd, &stat));
    snprintf(expected, sizeof expected, "%s:[%lu]", kind, (unsigned long)stat.st_ino);
    IS(strcmp(text, expected) == 0);
    printf("%s mode %o\n", kind, stat.st_mode);
    close(fd);
    return stat.st_ino;
}

int main(void) {
    static const char *kinds[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};
    for (int i = 0; i < 8; i++) number(kinds[i]);
    int uts = NEED(open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC));
    int ipc = NEED(open("/proc/self/ns/ipc", O_RDONLY | O_CLOEXEC));
    int null = NEED(open("/dev/null", O_RDONLY));
    SHOW(read(uts, &null, 4));
    SHOW(write(uts, "x", 1));
    IN_CHILD("uts", {
        char before[65];
        NEED(gethostname(before, sizeof before));
        ino_t old = number("uts");
        SHOW(unshare(CLONE_NEWUTS));
        IS(number("uts") != old);
        NEED(sethostname("another", 7));
        char name[65];
        NEED(gethostname(name, sizeof name));
        puts(name);
        SHOW(setns(uts, CLONE_NEWIPC));
        SHOW(setns(uts, CLONE_NEWUTS));
        IS(number("uts") == old);
        NEED(gethostname(name, sizeof name));
        IS(strcmp(name, before) == 0);
    });
    IN_CHILD("ipc", {
        ino_t old = number("ipc");
        SHOW(unshare(CLONE_NEWIPC));
        IS(number("ipc") != old);
        SHOW(setns(ipc, 0));
        IS(number("ipc") == old);
    });
    SHOW(setns(null, 0));
    SHOW(setns(-1, 0));
    SHOW(unshare(0x1));
    IN_CHILD("user", BECOME(1000); SHOW(unshare(CLONE_NEWUTS)); SHOW(setns(uts, 0)));
}
