// RLIMIT_CPU: SIGXCPU each second from the soft limit on, SIGKILL at the hard one; children start anew.
#include "case.h"

static volatile int count;
static void handler(int signo) { count++; }

int main(void) {
    IN_CHILD("soft without a handler", {
        struct rlimit limit = {1, 5};
        NEED(setrlimit(RLIMIT_CPU, &limit));
        for (;;);
    });
    IN_CHILD("inherited", {
        struct rlimit limit = {1, 2};
        NEED(setrlimit(RLIMIT_CPU, &limit));
        IN_CHILD("inner", signal(SIGXCPU, handler); for (;;));
    });
}
