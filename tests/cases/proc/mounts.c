// /proc/self/mountinfo tells what is mounted, as it changes (proc_pid_mountinfo(5)).
#include "case.h"
#include <sys/mount.h>

static void show(const char *what) {
    char folder[300], line[1000];
    NEED(getcwd(folder, sizeof folder) ? 0 : -1);
    printf("%s\n", what);
    FILE *file = fopen("/proc/self/mountinfo", "r");
    while (fgets(line, sizeof line, file)) {
        char *at = strstr(line, folder);
        if (!at) continue;
        char *options = strchr(at, ' ') + 1, *dash = strstr(at, " - ");
        printf("  %.*s [%.*s]%.*s\n", (int)strcspn(at + strlen(folder), " "), at + strlen(folder), (int)strcspn(options, " "), options, (int)strcspn(dash + 3, " ") + 3, dash);
    }
    fclose(file);
}

int main(void) {
    NEED(unshare(CLONE_NEWNS));
    NEED(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    NEED(mkdir("m", 0755));
    NEED(mkdir("with space", 0755));
    show("before");
    NEED(mount("source", "m", "tmpfs", MS_NOSUID, NULL));
    show("mounted");
    NEED(mount("m", "with space", NULL, MS_BIND, NULL));
    NEED(mount(NULL, "with space", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NODEV | MS_NOEXEC, NULL));
    show("bound");
    NEED(umount("m"));
    show("one gone");
}
