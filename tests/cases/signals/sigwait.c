// sigtimedwait(2) takes pending signals without their handlers.
#include "case.h"

static void handler(int signo) { printf("handler %s\n", signal_name(signo)); }

int main(void) {
    sigset_t set;
    siginfo_t info;
    struct timespec zero = {0, 0}, bad = {0, 1000000000}, little = {0, 20000000};
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGUSR1, handler);
    signal(SIGUSR2, handler);
    SHOW(sigtimedwait(&set, &info, &zero));
    SHOW(sigtimedwait(&set, &info, &bad));
    long start = now_ms();
    SHOW(sigtimedwait(&set, &info, &little));
    IS(now_ms() - start >= 19);
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 5});
    raise(SIGUSR1);
    IS(sigwaitinfo(&set, &info) == SIGUSR1);
    printf("code %d\n", info.si_code);
    IS(sigwaitinfo(&set, &info) == SIGRTMIN);
    printf("code %d value %d\n", info.si_code, info.si_int);
    int next[2];
    char byte;
    NEED(pipe(next));
    pid_t child = NEED(fork());
    if (child == 0) {
        await_state(getppid(), 'S');
        kill(getppid(), SIGUSR2);
        NEED(read(next[0], &byte, 1));
        kill(getppid(), SIGUSR1);
        _exit(0);
    }
    SHOW(sigwaitinfo(&set, &info));
    NEED(write(next[1], "n", 1));
    IS(sigwaitinfo(&set, &info) == SIGUSR1);
    IS(info.si_pid == child);
    reap("child", child);
    int signo;
    raise(SIGUSR1);
    CODE(sigwait(&set, &signo));
    printf("%s\n", signal_name(signo));
    // SIGKILL cannot be waited for.
    sigemptyset(&set);
    sigaddset(&set, SIGKILL);
    SHOW(sigtimedwait(&set, &info, &zero));
    SHOW(sigtimedwait(&set, (siginfo_t *)8, &zero));
    SHOW(syscall(SYS_rt_sigtimedwait, &set, &info, &zero, 4));
}
