// What clone(2) shares with each flag.
#include "case.h"

static char stack[65536] __attribute__((aligned(16)));
static volatile int memory;
static int fd;

static int change(void *unused) {
    memory = 1;
    fd = open("/dev/null", O_RDONLY);
    if (fd != -1) dup2(fd, 50);
    umask(0123);
    if (chdir("/")) _exit(1);
    signal(SIGUSR1, SIG_IGN);
    return 7;
}

static void attempt(const char *what, int flags) {
    char here[200], now[200];
    struct sigaction action;
    if (!getcwd(here, sizeof here)) exit(1);
    memory = 0;
    pid_t child = clone(change, stack + sizeof stack, flags | SIGCHLD, NULL);
    if (child == -1) {
        printf("%s: %s\n", what, errno_name(errno));
        return;
    }
    reap(what, child);
    sigaction(SIGUSR1, NULL, &action);
    printf("  memory %d file %s cwd %s umask %o handler %s\n", memory, fcntl(50, F_GETFD) == 0 ? "open" : "closed",
           strcmp(getcwd(now, sizeof now), here) ? "changed" : "same", umask(022), action.sa_handler == SIG_IGN ? "changed" : "same");
    close(50);
    signal(SIGUSR1, SIG_DFL);
    if (chdir(here)) exit(1);
}

int main(void) {
    umask(022);
    attempt("nothing", 0);
    attempt("VM", CLONE_VM);
    attempt("FILES", CLONE_FILES);
    attempt("FS", CLONE_FS);
    attempt("VM|SIGHAND", CLONE_VM | CLONE_SIGHAND);
    attempt("VM|VFORK", CLONE_VM | CLONE_VFORK);
    attempt("all", CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_SIGHAND);
    attempt("SIGHAND", CLONE_SIGHAND);
    attempt("THREAD", CLONE_THREAD);
    attempt("THREAD|SIGHAND", CLONE_THREAD | CLONE_SIGHAND);
    attempt("NEWNS|FS", CLONE_NEWNS | CLONE_FS);
    attempt("CLEAR_SIGHAND by clone", 0);
}
