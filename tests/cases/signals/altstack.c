// sigaltstack(2): use, nesting, disarming, and the errors.
#include "case.h"
#include <setjmp.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

static char area[65536];
static sigjmp_buf back;

static bool on_area(void) {
    char here;
    return &here >= area && &here < area + sizeof area;
}

static void handler(int signo) {
    stack_t now, other = {.ss_sp = area, .ss_size = sizeof area};
    sigaltstack(NULL, &now);
    printf("%s on it %d flags %d\n", signal_name(signo), on_area(), now.ss_flags);
    SHOW(sigaltstack(&other, NULL));
    if (signo == SIGUSR1) raise(SIGUSR2);
}

static void overflow_handler(int signo, siginfo_t *info, void *context) {
    printf("overflow on it %d code %d\n", on_area(), info->si_code);
    siglongjmp(back, 1);
}

static int deep(int level) {
    volatile char block[4096];
    block[0] = level;
    return deep(level + 1) + block[0];
}

int main(void) {
    stack_t stack = {.ss_sp = area, .ss_size = sizeof area}, old;
    SHOW(sigaltstack(NULL, &old));
    printf("flags %d\n", old.ss_flags);
    stack.ss_size = 100;
    SHOW(sigaltstack(&stack, NULL));
    stack.ss_size = sizeof area;
    stack.ss_flags = 64;
    SHOW(sigaltstack(&stack, NULL));
    stack.ss_flags = SS_ONSTACK;
    SHOW(sigaltstack(&stack, NULL));
    stack.ss_flags = 0;
    SHOW(sigaltstack(&stack, NULL));
    SHOW(sigaltstack((stack_t *)8, NULL));
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    raise(SIGUSR1);
    action.sa_flags = 0;
    sigaction(SIGUSR2, &action, NULL);
    raise(SIGUSR2);
    action.sa_sigaction = overflow_handler;
    action.sa_flags = SA_ONSTACK | SA_SIGINFO;
    sigaction(SIGSEGV, &action, NULL);
    if (sigsetjmp(back, 1) == 0) deep(0);
    IN_CHILD("inherited by fork", sigaltstack(NULL, &old); IS(old.ss_sp == area); raise(SIGUSR1));
    stack.ss_flags = SS_AUTODISARM;
    SHOW(sigaltstack(&stack, NULL));
    raise(SIGUSR1);
    sigaltstack(NULL, &old);
    printf("flags %x\n", old.ss_flags);
    stack.ss_flags = SS_DISABLE;
    SHOW(sigaltstack(&stack, NULL));
    raise(SIGUSR1);
    IN_CHILD("overflow without it", deep(0));
}
