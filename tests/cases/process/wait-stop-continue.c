// Stopped and continued children are reported once each (wait(2)).
#include "case.h"

int main(void) {
    int status;
    pid_t child = NEED(fork());
    if (child == 0) {
        // In a group that is not orphaned, or SIGTSTP would not stop it.
        setpgid(0, 0);
        for (;;) pause();
    }
    setpgid(child, child);
    kill(child, SIGSTOP);
    IS(waitpid(child, &status, WUNTRACED) == child);
    print_status("1", status);
    SHOW(waitpid(child, &status, WUNTRACED | WNOHANG));
    kill(child, SIGCONT);
    IS(waitpid(child, &status, WCONTINUED) == child);
    print_status("2", status);
    SHOW(waitpid(child, &status, WCONTINUED | WNOHANG));
    kill(child, SIGTSTP);
    IS(waitpid(child, &status, WUNTRACED | WCONTINUED) == child);
    print_status("3", status);
    // A stopped process dies of SIGKILL at once, of SIGTERM only when continued.
    kill(child, SIGTERM);
    sleep_ms(30);
    SHOW(waitpid(child, &status, WNOHANG));
    kill(child, SIGCONT);
    IS(waitpid(child, &status, 0) == child);
    print_status("4", status);

    child = NEED(fork());
    if (child == 0)
        for (;;) pause();
    kill(child, SIGSTOP);
    waitpid(child, &status, WUNTRACED);
    kill(child, SIGKILL);
    reap("5", child);
}
