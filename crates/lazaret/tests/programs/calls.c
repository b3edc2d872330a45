// Makes system calls with chosen arguments, each in a process of its own, and prints what became of each.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void on_sys(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)context;
    char text[64];
    int length = snprintf(text, sizeof text, "SIGSYS code %d call %d errno %d\n", info->si_code, info->si_syscall, info->si_errno);
    write(1, text, length);
    _exit(0);
}

static void try(const char *name, long number, long a, long b, long c, long d) {
    printf("%s: ", name);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        struct sigaction action = { .sa_sigaction = on_sys, .sa_flags = SA_SIGINFO };
        sigaction(SIGSYS, &action, NULL);
        long result = syscall(number, a, b, c, d, 0, 0);
        printf("%s\n", result < 0 ? strerrorname_np(errno) : "done");
        fflush(stdout);
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) printf("signal %s\n", sigabbrev_np(WTERMSIG(status)));
    fflush(stdout);
}

int main(void) {
    printf("mode %d, no_new_privs %d\n", prctl(PR_GET_SECCOMP), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    try("getppid", SYS_getppid, 0, 0, 0, 0);
    try("uname of a bad address", SYS_uname, 0, 0, 0, 0);
    try("mkdir", SYS_mkdir, (long)"/nowhere/x", 0755, 0, 0);
    try("chroot", SYS_chroot, (long)"/", 0, 0, 0);
    try("personality 0", SYS_personality, 0, 0, 0, 0);
    try("personality 8", SYS_personality, 8, 0, 0, 0);
    try("personality 4", SYS_personality, 4, 0, 0, 0);
    try("personality query", SYS_personality, 0xffffffff, 0, 0, 0);
    try("unshare", SYS_unshare, 0x200, 0, 0, 0);
    try("socket of unix", SYS_socket, 1, 1, 0, 0);
    try("socket of audit", SYS_socket, 16, 3, 9, 0);
    try("kexec_load", SYS_kexec_load, 0, 0, 0, 0);
    try("clone3", SYS_clone3, 0, 0, 0, 0);
    try("add_key", SYS_add_key, 0, 0, 0, 0);
    try("lseek high", SYS_lseek, -1, 1L << 40, 0, 0);
    try("lseek low", SYS_lseek, -1, 1L << 4, 0, 0);
    try("sethostname", SYS_sethostname, (long)"x", -1, 0, 0);
    try("newer than most", 600, 0, 0, 0, 0);
    try("no such call", 1000, 0, 0, 0, 0);
    try("call -1", -1, 0, 0, 0, 0);
    return 0;
}
