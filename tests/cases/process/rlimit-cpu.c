// RLIMIT_CPU: SIGXCPU at the soft limit (getrlimit(2)).
#include "case.h"

static volatile int done;
static void handler(int signo) {
    printf("signal %s\n", signal_name(signo));
    done = 1;
}

int main(void) {
    struct rlimit limit = {1, 3};
    NEED(setrlimit(RLIMIT_CPU, &limit));
    signal(SIGXCPU, handler);
    while (!done)
        ;
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    long ms = used.tv_sec * 1000 + used.tv_nsec / 1000000;
    IS(ms > 900);
}
