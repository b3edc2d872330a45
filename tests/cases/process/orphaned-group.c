// A stopped process group that becomes orphaned gets SIGHUP and SIGCONT (setpgid(2), exit(3)).
#include "case.h"
#include <sys/prctl.h>

static volatile int order[2], count;
static void handler(int signo) { order[count++] = signo; }

int main(void) {
    int status, gate[2];
    char byte;
    NEED(pipe(gate));
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t middle = NEED(fork());
    if (middle == 0) {
        // The leader of a session: its end leaves the child no parent in the same session.
        NEED(setsid());
        pid_t child = NEED(fork());
        if (child == 0) {
            setpgid(0, 0);
            signal(SIGHUP, handler);
            signal(SIGCONT, handler);
            raise(SIGSTOP);
            NEED(read(gate[0], &byte, 1));
            printf("goes on after %s, ", signal_name(order[0]));
            printf("%s\n", signal_name(order[1]));
            _exit(5);
        }
        waitpid(child, &status, WUNTRACED);
        print_status("stopped", status);
        _exit(0);
    }
    reap("middle", middle);
    NEED(write(gate[1], "g", 1));
    IS(wait(&status) > 0);
    print_status("orphan", status);
    // In an orphaned group the terminal's stop signals do nothing, SIGSTOP does.
    IN_CHILD("new session", NEED(setsid()); raise(SIGTSTP); raise(SIGTTIN); raise(SIGTTOU); puts("not stopped"));
}
