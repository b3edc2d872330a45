// What survives an exec (execve(2)): masks, ignored and pending signals, umask, alarm, nice; what does not: handlers.
#include "case.h"

static void handler(int signo) {}

int main(int argc, char **argv) {
    if (argc > 1) {
        struct sigaction action;
        for (int signo = 1; signo < 32; signo++) {
            if (sigaction(signo, NULL, &action) == -1) continue;
            if (action.sa_handler != SIG_DFL)
                printf("%s: %s\n", signal_name(signo), action.sa_handler == SIG_IGN ? "ignored" : "handled");
        }
        sigset_t set;
        sigprocmask(SIG_BLOCK, NULL, &set);
        printf("blocked USR1 %d USR2 %d\n", sigismember(&set, SIGUSR1), sigismember(&set, SIGUSR2));
        sigpending(&set);
        printf("pending USR1 %d USR2 %d\n", sigismember(&set, SIGUSR1), sigismember(&set, SIGUSR2));
        printf("umask %o\n", umask(0));
        printf("alarm left %d\n", alarm(0) > 90);
        printf("nice %d\n", getpriority(PRIO_PROCESS, 0));
        struct itimerval timer;
        getitimer(ITIMER_VIRTUAL, &timer);
        printf("virtual timer %d\n", timer.it_value.tv_sec > 90);
        stack_t stack;
        sigaltstack(NULL, &stack);
        printf("alternate stack %s\n", stack.ss_flags == SS_DISABLE ? "none" : "kept");
        struct rlimit limit;
        getrlimit(RLIMIT_CORE, &limit);
        printf("core limit %d\n", (int)limit.rlim_cur);
        char text[100];
        IS(strcmp(getcwd(text, sizeof text), argv[1]) == 0);
        return 0;
    }
    for (int signo = 1; signo < 32; signo++) signal(signo, SIG_DFL);
    signal(SIGUSR1, handler);
    signal(SIGHUP, handler);
    signal(SIGINT, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_SETMASK, &set, NULL);
    raise(SIGUSR2);
    umask(031);
    alarm(100);
    nice(3);
    struct itimerval timer = {{0, 0}, {100, 0}};
    setitimer(ITIMER_VIRTUAL, &timer, NULL);
    stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
    NEED(sigaltstack(&stack, NULL));
    struct rlimit limit = {0, 0};
    setrlimit(RLIMIT_CORE, &limit);
    char folder[100];
    NEED(getcwd(folder, sizeof folder) ? 0 : -1);
    execl("/proc/self/exe", "case", folder, NULL);
}
