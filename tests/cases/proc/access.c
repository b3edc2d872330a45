// What a process shows of itself to others of its user: nothing once it may hold what others may not see.
#include "case.h"
#include <sys/prctl.h>
#include <sys/sendfile.h>

static void look(const char *when, pid_t pid) {
    static const char *const names[] = {"environ", "maps", "mem", "auxv", "io", "fd/0", "exe", "cwd/.", "ns/pid", "stat", "cmdline"};
    printf("%s\n", when);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/%s", pid, names[i]);
        int fd = open(path, O_RDONLY | O_NONBLOCK);
        printf("  %s: %s\n", names[i], fd == -1 ? errno_name(errno) : "opened");
        close(fd);
    }
    char byte;
    struct iovec own = {&byte, 1}, other = {&byte, 1};
    SHOW(process_vm_readv(pid, &own, 1, &other, 1, 0));
}

// Waits until a process has become the program, and reads.
static void await_name(pid_t pid, const char *name) {
    char path[64], now[64] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    while (strncmp(now, name, strlen(name))) {
        sleep_ms(1);
        int fd = NEED(open(path, O_RDONLY));
        NEED(read(fd, now, sizeof now));
        close(fd);
    }
    await_state(pid, 'S');
}

static void copy_to(const char *path, uid_t owner, mode_t mode) {
    int from = NEED(open("/proc/self/exe", O_RDONLY));
    int to = NEED(open(path, O_WRONLY | O_CREAT, 0755));
    struct stat stat;
    fstat(from, &stat);
    NEED(sendfile(to, from, NULL, stat.st_size));
    close(from);
    close(to);
    NEED(chown(path, owner, owner));
    NEED(chmod(path, mode));
}

int main(int argc, char **argv) {
    if (argc > 1) {
        printf("%s dumpable %d\n", argv[1], prctl(PR_GET_DUMPABLE));
        char byte;
        NEED(read(0, &byte, 1));
        return 0;
    }
    int pair[2];
    NEED(pipe(pair));
    pid_t child = NEED(fork());
    if (child == 0) {
        NEED(dup2(pair[0], 0));
        BECOME(1000);
        for (;;) pause();
    }
    await_state(child, 'S');
    IN_CHILD("another of the user", BECOME(1000); prctl(PR_SET_DUMPABLE, 1); look("after it was root", child));
    IN_CHILD("root", look("for root", child));
    kill(child, SIGKILL);
    reap("child", child);

    // Not where the case runs: /tmp is often mounted with nosuid.
    char folder[] = "/var/tmp/access.XXXXXX";
    NEED(mkdtemp(folder) ? 0 : -1);
    NEED(chdir(folder));
    NEED(chmod(".", 0755));
    copy_to("unreadable", 0, 0711);
    copy_to("setuid", 1234, 04755);
    IN_CHILD("user", {
        BECOME(1000);
        prctl(PR_SET_DUMPABLE, 1);
        child = NEED(fork());
        if (child == 0) {
            NEED(dup2(pair[0], 0));
            execl("unreadable", "unreadable", "unreadable", NULL);
        }
        await_name(child, "unreadable");
        look("of a program that cannot be read", child);
        NEED(write(pair[1], "x", 1));
        reap("child", child);
        // What was opened before shows nothing of a program with other rights.
        child = NEED(fork());
        if (child == 0) {
            NEED(dup2(pair[0], 0));
            char byte;
            NEED(read(0, &byte, 1));
            execl("setuid", "setuid", "setuid", NULL);
        }
        char path[64], buffer[64];
        snprintf(path, sizeof path, "/proc/%d/environ", child);
        int environment = NEED(open(path, O_RDONLY));
        snprintf(path, sizeof path, "/proc/%d/maps", child);
        int maps = NEED(open(path, O_RDONLY));
        NEED(write(pair[1], "x", 1));
        await_name(child, "setuid");
        IS(read(environment, buffer, sizeof buffer) <= 0);
        IS(read(maps, buffer, sizeof buffer) <= 0);
        NEED(write(pair[1], "x", 1));
        reap("child", child);
    });
    NEED(unlink("unreadable"));
    NEED(unlink("setuid"));
    NEED(rmdir(folder));
}
