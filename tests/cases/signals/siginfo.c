// The siginfo of each sender (sigaction(2)).
#include "case.h"
#include <pthread.h>

static volatile int ran;
static void handler(int signo, siginfo_t *info, void *context) {
    printf("%s code %d errno %d", signal_name(info->si_signo), info->si_code, info->si_errno);
    if (info->si_code == SI_USER || info->si_code == SI_TKILL || info->si_code == SI_QUEUE)
        printf(" pid %s uid %d", info->si_pid == getpid() ? "own" : info->si_pid == getppid() ? "parent" : "other", info->si_uid);
    if (info->si_code == SI_QUEUE || info->si_code == SI_TIMER) printf(" value %d", info->si_int);
    if (info->si_code == SI_TIMER) printf(" overrun %d", info->si_overrun);
    if (signo == SIGCHLD) printf(" status %d", info->si_status);
    printf("\n");
    ran++;
}

int main(void) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigfillset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGCHLD, &action, NULL);
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGRTMIN, &action, NULL);
    kill(getpid(), SIGUSR1);
    raise(SIGUSR1);
    pthread_kill(pthread_self(), SIGUSR1);
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 77});
    pthread_sigqueue(pthread_self(), SIGRTMIN, (union sigval){.sival_int = -5});
    pid_t child = NEED(fork());
    if (child == 0) {
        kill(getppid(), SIGUSR1);
        _exit(9);
    }
    while (waitpid(child, NULL, 0) == -1 && errno == EINTR)
        ;
    struct itimerval once = {{0, 0}, {0, 1000}};
    int before = ran;
    setitimer(ITIMER_REAL, &once, NULL);
    while (ran == before) sleep_ms(1);
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 123};
    NEED(timer_create(CLOCK_MONOTONIC, &event, &timer));
    struct itimerspec at = {{0, 0}, {0, 1000000}};
    before = ran;
    NEED(timer_settime(timer, 0, &at, NULL));
    while (ran == before) sleep_ms(1);
    int pair[2];
    NEED(pipe(pair));
    close(pair[0]);
    SHOW(write(pair[1], "x", 1));
    siginfo_t info = {.si_code = -60, .si_value.sival_int = 4};
    SHOW(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &info));
    SHOW(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGUSR1, &info));
}
