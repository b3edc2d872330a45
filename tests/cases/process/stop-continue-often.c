// Stops and continues that follow each other closely are reported each, and none stays (wait(2)).
#include "case.h"

int main(void) {
    int status, wrong = 0;
    pid_t child = NEED(fork());
    if (child == 0)
        for (;;) pause();
    for (int i = 0; i < 300; i++) {
        kill(child, SIGSTOP);
        wrong += waitpid(child, &status, WUNTRACED) != child || !WIFSTOPPED(status);
        kill(child, SIGCONT);
        wrong += waitpid(child, &status, WCONTINUED) != child || !WIFCONTINUED(status);
    }
    SHOW(wrong);
    // However a SIGCONT meets the stop before it, the child runs at the end.
    for (int i = 0; i < 300; i++) {
        kill(child, SIGSTOP);
        kill(child, SIGCONT);
    }
    kill(child, SIGTERM);
    IS(waitpid(child, &status, 0) == child);
    print_status("end", status);
}
