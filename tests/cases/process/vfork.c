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
    int gate[2];
    NEED(pipe(gate));
    child = vfork();
    if (child == 0) {
        dup2(gate[0], 0);
        execl("/bin/sh", "sh", "-c", "read line; exit 4", NULL);
        _exit(1);
    }
    // The parent goes on before the program ends.
    SHOW(waitpid(child, NULL, WNOHANG));
    NEED(write(gate[1], "go\n", 3));
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
