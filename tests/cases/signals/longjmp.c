// siglongjmp(3) out of handlers restores the mask; thousands of times.
#include "case.h"
#include <setjmp.h>

static sigjmp_buf back;
static void handler(int signo) { siglongjmp(back, signo); }

int main(void) {
    signal(SIGUSR1, handler);
    signal(SIGSEGV, handler);
    volatile int count = 0;
    while (count < 3000) {
        count++;
        if (sigsetjmp(back, 1) == 0) raise(SIGUSR1);
    }
    SHOW(count);
    count = 0;
    while (count < 1000) {
        count++;
        if (sigsetjmp(back, 1) == 0) *(volatile char *)NULL = 1;
    }
    SHOW(count);
    sigset_t set;
    sigprocmask(SIG_BLOCK, NULL, &set);
    SHOW(sigisemptyset(&set));
    if (sigsetjmp(back, 0) == 0) raise(SIGUSR1);
    sigprocmask(SIG_BLOCK, NULL, &set);
    SHOW(sigismember(&set, SIGUSR1));
}
