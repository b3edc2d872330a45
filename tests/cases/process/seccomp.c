// Filters that the program sets on itself (seccomp(2)).
#include "case.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

static struct sock_filter code[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 33),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsid, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP | 7),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgid, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};
static struct sock_fprog program = {sizeof code / sizeof *code, code};

static void handler(int signo, siginfo_t *info, void *context) {
    printf("%s code %d errno %d call %d arch %x\n", signal_name(signo), info->si_code, info->si_errno, info->si_syscall, info->si_arch);
}

int main(void) {
    SHOW(prctl(PR_GET_SECCOMP));
    IN_CHILD("user", BECOME(1000); SHOW(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)));
    SHOW(syscall(SYS_seccomp, 99, 0, NULL));
    SHOW(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 1 << 20, &program));
    SHOW(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &(unsigned){SECCOMP_RET_ERRNO}));
    SHOW(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &(unsigned){0x12340000}));
    struct sock_fprog empty = {0, code};
    SHOW(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &empty));
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGSYS, &action, NULL);
    IN_CHILD("filtered", {
        NEED(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
        SHOW(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
        SHOW(prctl(PR_GET_SECCOMP));
        SHOW(syscall(SYS_getppid));
        OK(syscall(SYS_getsid, 0));
        IN_CHILD("inherits", SHOW(syscall(SYS_getppid)));
        syscall(SYS_getpgid, 0);
        puts("not reached");
    });
    IN_CHILD("strict", NEED(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)); NEED(write(1, "strict\n", 7)); syscall(SYS_exit, 4));
    IN_CHILD("strict killed", NEED(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)); getppid());
}
