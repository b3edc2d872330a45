// Who cannot stop the init of a PID namespace: its children by their exit signals, its files and its timers.
#include "case.h"
#include <linux/sched.h>

static int init(void) {
    struct clone_args args = {.exit_signal = SIGSTOP};
    pid_t child = NEED(syscall(SYS_clone3, &args, sizeof args));
    if (child == 0) _exit(3);
    int status;
    NEED(waitpid(child, &status, __WALL));
    print_status("child", status);
    args.exit_signal = SIGKILL;
    child = NEED(syscall(SYS_clone3, &args, sizeof args));
    if (child == 0) _exit(4);
    NEED(waitpid(child, &status, __WALL));
    print_status("child", status);

    int pair[2];
    NEED(pipe(pair));
    SHOW(fcntl(pair[0], F_SETSIG, SIGSTOP));
    NEED(fcntl(pair[0], F_SETOWN, getpid()));
    SHOW(fcntl(pair[0], F_SETFL, O_ASYNC));
    SHOW(write(pair[1], "x", 1));

    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGSTOP};
    SHOW(timer_create(CLOCK_MONOTONIC, &event, &timer));
    SHOW(timer_settime(timer, 0, &(struct itimerspec){{0, 0}, {0, 1000000}}, NULL));
    sleep_ms(50);
    return 5;
}

int main(void) {
    struct clone_args args = {.flags = CLONE_NEWPID, .exit_signal = SIGCHLD};
    pid_t child = NEED(syscall(SYS_clone3, &args, sizeof args));
    if (child == 0) _exit(init());
    int status;
    NEED(waitpid(child, &status, WUNTRACED));
    print_status("init", status);
    if (!WIFSTOPPED(status)) return 0;
    kill(child, SIGKILL);
    reap("init", child);
}
