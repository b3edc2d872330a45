// A set-user-ID program changes the effective user, sets AT_SECURE, and is refused by no_new_privs.
#include "case.h"
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>

int main(int argc, char **argv) {
    if (argc > 1) {
        uid_t real, effective, saved;
        getresuid(&real, &effective, &saved);
        printf("uid %d %d %d", real, effective, saved);
        getresgid(&real, &effective, &saved);
        printf(" gid %d %d %d secure %ld dumpable %d\n", real, effective, saved, getauxval(AT_SECURE), prctl(PR_GET_DUMPABLE));
        return 0;
    }
    // Not where the case runs: /tmp is often mounted with nosuid.
    char folder[] = "/var/tmp/setuid-program.XXXXXX";
    NEED(mkdtemp(folder) ? 0 : -1);
    NEED(chdir(folder));
    int from = NEED(open("/proc/self/exe", O_RDONLY));
    int to = NEED(open("program", O_WRONLY | O_CREAT, 0755));
    struct stat stat;
    fstat(from, &stat);
    NEED(sendfile(to, from, NULL, stat.st_size));
    close(to);
    chmod(".", 0755);
    IN_CHILD("plain", BECOME(1000); execl("program", "program", "x", NULL));
    NEED(chown("program", 1234, 1235));
    NEED(chmod("program", 04755));
    IN_CHILD("setuid", BECOME(1000); execl("program", "program", "x", NULL));
    NEED(chmod("program", 06755));
    IN_CHILD("both", BECOME(1000); execl("program", "program", "x", NULL));
    NEED(chmod("program", 02745));
    IN_CHILD("no group execution", BECOME(1000); execl("program", "program", "x", NULL));
    NEED(chmod("program", 06755));
    IN_CHILD("no new privileges", BECOME(1000); prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); execl("program", "program", "x", NULL));
    IN_CHILD("root", execl("program", "program", "x", NULL));
    NEED(unlink("program"));
    NEED(rmdir(folder));
}
