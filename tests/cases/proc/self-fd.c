// /proc/self/fd, fdinfo, exe, cwd, root, environ, cmdline, comm, task.
#include "case.h"
#include <dirent.h>

static void link_of(const char *path) {
    char text[300] = "";
    if (readlink(path, text, sizeof text - 1) == -1)
        printf("%s: %s\n", path, errno_name(errno));
    else
        printf("%s: %s\n", path, strncmp(text, "/tmp/", 5) == 0 ? strrchr(text, '/') : text);
}

static int entries(const char *path) {
    DIR *folder = opendir(path);
    int count = 0;
    if (!folder) return -1;
    for (struct dirent *entry; (entry = readdir(folder));) count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

int main(int argc, char **argv) {
    write_file("file", "0123456789");
    int fd = NEED(open("file", O_RDWR | O_APPEND | O_CLOEXEC));
    NEED(dup2(fd, 40));
    NEED(lseek(40, 5, SEEK_SET));
    link_of("/proc/self/fd/40");
    link_of("/proc/self/fd/41");
    link_of("/proc/self/root");
    FILE *info = fopen("/proc/self/fdinfo/40", "r");
    char line[200];
    while (fgets(line, sizeof line, info))
        if (strncmp(line, "pos:", 4) == 0 || strncmp(line, "flags:", 6) == 0) printf("%s", line);
    close(fd);
    fclose(info);
    int before = entries("/proc/self/fd");
    int more = dup(40);
    IS(entries("/proc/self/fd") == before + 1);
    close(more);
    unlink("file");
    link_of("/proc/self/fd/40");
    int again = OK(open("/proc/self/fd/40", O_RDONLY));
    SHOW(read(again, line, 100));
    struct stat stat;
    NEED(lstat("/proc/self/fd/40", &stat));
    printf("%o\n", stat.st_mode);
    char folder[300], link[300] = "";
    NEED(getcwd(folder, sizeof folder) ? 0 : -1);
    NEED(readlink("/proc/self/cwd", link, sizeof link - 1));
    IS(strcmp(folder, link) == 0);
    memset(link, 0, sizeof link);
    NEED(readlink("/proc/self/exe", link, sizeof link - 1));
    IS(strcmp(link, argv[0]) == 0);
    SHOW(entries("/proc/self/task"));
    char text[1000] = "";
    fd = NEED(open("/proc/self/cmdline", O_RDONLY));
    ssize_t count = NEED(read(fd, text, sizeof text));
    IS(count == (ssize_t)strlen(argv[0]) + 1 && strcmp(text, argv[0]) == 0);
    IN_CHILD("other arguments", execl("/bin/sh", "sh", "-c", "tr '\\0' '|' < /proc/$$/cmdline; echo; cut -c1-2 /proc/$$/comm", "zero", "", "two words", NULL));
    IN_CHILD("environment", execle("/bin/sh", "sh", "-c", "tr '\\0' '|' < /proc/$$/environ; echo", NULL, (char *[]){"A=1", "B=two", NULL}));
    // Of others: by permission.
    pid_t child = NEED(fork());
    if (child == 0)
        for (;;) pause();
    char path[60];
    IN_CHILD("user", {
        BECOME(1000);
        snprintf(path, sizeof path, "/proc/%d/environ", child);
        SHOW(open(path, O_RDONLY));
        snprintf(path, sizeof path, "/proc/%d/fd", child);
        SHOW(open(path, O_RDONLY));
        snprintf(path, sizeof path, "/proc/%d/exe", child);
        SHOW(readlink(path, text, sizeof text));
        snprintf(path, sizeof path, "/proc/%d/status", child);
        OK(open(path, O_RDONLY));
    });
    kill(child, SIGKILL);
    reap("child", child);
    SHOW(access("/proc/999999", F_OK));
    SHOW(access("/proc/self/thread-self", F_OK));
    SHOW(access("/proc/thread-self/comm", F_OK));
}
