// clone3(2): sizes of its structure, flags it adds, and the errors.
#include "case.h"
#include <linux/sched.h>

static long clone3(struct clone_args *args, size_t size) {
    long result = syscall(SYS_clone3, args, size);
    if (result == 0) _exit(3);
    return result;
}

static volatile pid_t parent_tid, child_tid;

int main(void) {
    struct clone_args args = {.exit_signal = SIGCHLD};
    pid_t child = clone3(&args, sizeof args);
    reap("plain", child);
    SHOW(clone3(&args, 8));
    SHOW(clone3(&args, 63));
    child = clone3(&args, CLONE_ARGS_SIZE_VER0);
    reap("first size", child);
    SHOW(clone3(NULL, sizeof args));
    SHOW(clone3(&args, 1 << 20));
    struct {
        struct clone_args args;
        long more;
    } larger = {args, 0};
    child = clone3(&larger.args, sizeof larger);
    reap("larger with zeros", child);
    larger.more = 1;
    SHOW(clone3(&larger.args, sizeof larger));

    args = (struct clone_args){.exit_signal = 0x100};
    SHOW(clone3(&args, sizeof args));
    args = (struct clone_args){.exit_signal = 65};
    SHOW(clone3(&args, sizeof args));
    args = (struct clone_args){.flags = 1ULL << 40};
    SHOW(clone3(&args, sizeof args));
    args = (struct clone_args){.flags = CLONE_DETACHED};
    SHOW(clone3(&args, sizeof args));
    args = (struct clone_args){.stack = 0x1000, .exit_signal = SIGCHLD};
    SHOW(clone3(&args, sizeof args));
    args = (struct clone_args){.stack_size = 0x1000, .exit_signal = SIGCHLD};
    SHOW(clone3(&args, sizeof args));
    args = (struct clone_args){.flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, .exit_signal = SIGCHLD};
    SHOW(clone3(&args, sizeof args));
    args = (struct clone_args){.flags = CLONE_CLEAR_SIGHAND | CLONE_SIGHAND | CLONE_VM};
    SHOW(clone3(&args, sizeof args));

    int pidfd = -1;
    args = (struct clone_args){
        .flags = CLONE_PIDFD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID,
        .pidfd = (uintptr_t)&pidfd,
        .parent_tid = (uintptr_t)&parent_tid,
        .child_tid = (uintptr_t)&child_tid,
        .exit_signal = SIGCHLD,
    };
    child = clone3(&args, sizeof args);
    IS(parent_tid == child);
    SHOW(child_tid);
    IS(pidfd >= 0);
    SHOW(fcntl(pidfd, F_GETFD));
    siginfo_t info;
    SHOW(waitid(P_PIDFD, pidfd, &info, WEXITED));
    IS(info.si_pid == child);

    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, (void (*)(int))clone3);
    args = (struct clone_args){.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD};
    child = syscall(SYS_clone3, &args, sizeof args);
    if (child == 0) {
        struct sigaction one, two;
        sigaction(SIGUSR1, NULL, &one);
        sigaction(SIGUSR2, NULL, &two);
        _exit((one.sa_handler == SIG_IGN) * 2 + (two.sa_handler == SIG_DFL));
    }
    reap("cleared handlers", child);
}
