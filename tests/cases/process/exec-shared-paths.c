// A set-user-ID program gets no rights if another process can change its working directory; execve(2).
#include "case.h"
#include <sys/sendfile.h>

static int execute(void *program) {
    execl(program, program, "x", NULL);
    return 1;
}

static void run(const char *what, char *program, int flags) {
    static char stack[65536] __attribute__((aligned(16)));
    reap(what, NEED(clone(execute, stack + sizeof stack, flags | SIGCHLD, program)));
}

int main(int argc, char **argv) {
    if (argc > 1) {
        printf("uid %d %d gid %d %d\n", getuid(), geteuid(), getgid(), getegid());
        return 0;
    }
    // Not where the case runs: /tmp is often mounted with nosuid.
    char folder[] = "/var/tmp/shared-paths.XXXXXX", program[64];
    NEED(mkdtemp(folder) ? 0 : -1);
    NEED(chmod(folder, 0755));
    snprintf(program, sizeof program, "%s/program", folder);
    int from = NEED(open("/proc/self/exe", O_RDONLY));
    int to = NEED(open(program, O_WRONLY | O_CREAT, 0755));
    struct stat stat;
    fstat(from, &stat);
    NEED(sendfile(to, from, NULL, stat.st_size));
    close(to);
    NEED(chown(program, 1234, 1235));
    NEED(chmod(program, 06755));
    IN_CHILD("user", {
        BECOME(1000);
        run("alone", program, 0);
        run("with a copy of the memory", program, CLONE_FILES);
        run("with the same paths", program, CLONE_FS);
    });
    run("root", program, CLONE_FS);
    NEED(unlink(program));
    NEED(rmdir(folder));
}
