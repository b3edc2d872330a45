// waitpid(2) by process group: 0, -pgid, and a group that one has no child in.
#include "case.h"

int main(void) {
    int status;
    pid_t same = NEED(fork());
    if (same == 0) _exit(1);
    pid_t other = NEED(fork());
    if (other == 0) {
        pause();
        _exit(2);
    }
    NEED(setpgid(other, other));
    kill(other, SIGTERM);
    IS(waitpid(0, &status, 0) == same);
    print_status("same group", status);
    SHOW(waitpid(0, &status, 0));
    IS(waitpid(-other, &status, 0) == other);
    print_status("own group", status);
    SHOW(waitpid(-other, &status, 0));
}
