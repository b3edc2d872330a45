// vfork(2): the parent waits until the child execs or exits, and sees what it wrote.
#include "case.h"

static volatile int value;

int main(void) {
    pid_t child = vfork();
    if (child == 0) {
        value = 5;
        sleep_ms(20);
        _exit(9);
    }
    SHOW(value);
    reap("exits", child);
    long start = now_ms();
    child = vfork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", "sleep 0.3; exit 4", NULL);
        _exit(1);
    }
    IS(now_ms() - start < 250);
    reap("execs", child);
    // A failed exec leaves the memory shared.
    child = vfork();
    if (child == 0) {
        execl("/missing", "missing", NULL);
        value = errno;
        _exit(2);
    }
    printf("%s\n", errno_name(value));
    reap("fails", child);
    // Killed while the parent waits.
    child = vfork();
    if (child == 0) {
        kill(getpid(), SIGKILL);
        _exit(3);
    }
    reap("killed", child);
    // Descriptors are not shared.
    child = vfork();
    if (child == 0) {
        close(0);
        _exit(0);
    }
    reap("closes", child);
    SHOW(fcntl(0, F_GETFD));
}
