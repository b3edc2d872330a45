// The default action of every signal (signal(7)).
#include "case.h"

int main(void) {
    struct rlimit limit = {0, 0};
    setrlimit(RLIMIT_CORE, &limit);
    for (int signo = 1; signo < 65; signo++) {
        if (signo == 32 || signo == 33) continue;
        pid_t child = NEED(fork());
        if (child == 0) {
            setpgid(0, 0);
            kill(getpid(), signo);
            _exit(0);
        }
        int status;
        waitpid(child, &status, WUNTRACED);
        char who[40];
        snprintf(who, sizeof who, "%s", signal_name(signo));
        print_status(who, status);
        if (WIFSTOPPED(status)) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
        }
    }
}
