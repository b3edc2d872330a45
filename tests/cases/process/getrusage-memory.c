// getrusage(2) of memory: of children by wait4(2) and as a sum, of grandchildren, and across an execve(2).
#include "case.h"
#include <string.h>
#include <sys/mman.h>

#define MIB (1 << 20)

static void touch(size_t size) {
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(memory, size, MADV_NOHUGEPAGE);
    memset(memory, 1, size);
}

static struct rusage of_children(void) {
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    return usage;
}

int main(int count, char **arguments) {
    if (count > 1) {
        // What was used before the execve counts on.
        struct rusage usage;
        getrusage(RUSAGE_SELF, &usage);
        IS(usage.ru_maxrss >= 24 << 10 && usage.ru_maxrss < 60 << 10);
        IS(usage.ru_minflt >= 6000);
        return 0;
    }
    IS(of_children().ru_maxrss == 0);
    struct rusage usage;
    pid_t child = NEED(fork());
    if (child == 0) {
        touch(16 * MIB);
        _exit(0);
    }
    wait4(child, NULL, 0, &usage);
    IS(usage.ru_maxrss >= 16 << 10 && usage.ru_maxrss < 40 << 10);
    IS(usage.ru_minflt >= 4000 && usage.ru_minflt < 8000);
    IS(of_children().ru_maxrss == usage.ru_maxrss);
    IS(of_children().ru_minflt == usage.ru_minflt);

    // Of a child that was waited for without asking, and of its own child.
    child = NEED(fork());
    if (child == 0) {
        pid_t grandchild = NEED(fork());
        if (grandchild == 0) {
            touch(48 * MIB);
            _exit(0);
        }
        waitpid(grandchild, NULL, 0);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    IS(of_children().ru_maxrss >= 48 << 10);
    IS(of_children().ru_minflt >= usage.ru_minflt + 12000);

    // Nobody waits for this one, so it counts nowhere.
    long faults = of_children().ru_minflt;
    signal(SIGCHLD, SIG_IGN);
    child = NEED(fork());
    if (child == 0) {
        touch(8 * MIB);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    IS(of_children().ru_minflt == faults);
    signal(SIGCHLD, SIG_DFL);

    fflush(stdout);
    child = NEED(fork());
    if (child == 0) {
        touch(24 * MIB);
        execl("/proc/self/exe", arguments[0], "again", NULL);
        _exit(1);
    }
    int status;
    wait4(child, &status, 0, &usage);
    SHOW(status);
    IS(usage.ru_minflt >= 6000);
    IS(usage.ru_maxrss >= 24 << 10);
}
