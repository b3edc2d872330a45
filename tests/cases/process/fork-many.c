// Three hundred processes one after the other, sixty at once, and a chain of forty.
// link: static
#include "case.h"

static int chain(int depth) {
    if (depth == 0) return 1;
    int status;
    pid_t child = NEED(fork());
    if (child == 0) _exit(chain(depth - 1));
    waitpid(child, &status, 0);
    return WEXITSTATUS(status) + 1;
}

int main(void) {
    int sum = 0, status;
    for (int i = 0; i < 300; i++) {
        pid_t child = NEED(fork());
        if (child == 0) _exit(i % 7);
        waitpid(child, &status, 0);
        sum += WEXITSTATUS(status);
    }
    SHOW(sum);
    sum = 0;
    for (int i = 0; i < 60; i++)
        if (NEED(fork()) == 0) _exit(i);
    while (wait(&status) > 0) sum += WEXITSTATUS(status);
    SHOW(sum);
    SHOW(chain(40));
}
