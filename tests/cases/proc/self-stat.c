// /proc/PID/stat: the fields that can be checked (proc_pid_stat(5)).
#include "case.h"
#include <sys/prctl.h>

static char *fields[60];
static int count;

static void load(pid_t pid) {
    static char text[2000];
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = NEED(open(path, O_RDONLY));
    ssize_t length = NEED(read(fd, text, sizeof text - 1));
    text[length] = 0;
    close(fd);
    char *close_paren = strrchr(text, ')');
    fields[1] = text;
    fields[2] = strchr(text, '(');
    count = 2;
    char *save = NULL;
    for (char *word = strtok_r(close_paren + 1, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) fields[++count] = word;
    close_paren[1] = 0;
}

int main(void) {
    prctl(PR_SET_NAME, "odd ) name(");
    load(getpid());
    SHOW(count);
    IS(atoi(fields[1]) == getpid());
    puts(fields[2]);
    printf("state %s\n", fields[3]);
    IS(atoi(fields[4]) == getppid());
    IS(atoi(fields[5]) == getpgrp());
    IS(atoi(fields[6]) == getsid(0));
    printf("tty %s tpgid %s\n", fields[7], fields[8]);
    printf("priority %s nice %s threads %s\n", fields[18], fields[19], fields[20]);
    IS(atol(fields[22]) > 0);
    IS(atol(fields[23]) > 4096);
    IS(atol(fields[24]) > 0);
    printf("exit signal %s\n", fields[38]);
    IS(strtoul(fields[28], NULL, 10) > strtoul(fields[26], NULL, 10));
    pid_t child = NEED(fork());
    if (child == 0) {
        nice(3);
        raise(SIGSTOP);
        _exit(1);
    }
    waitpid(child, NULL, WUNTRACED);
    load(child);
    printf("%s state %s nice %s\n", fields[2], fields[3], fields[19]);
    kill(child, SIGCONT);
    siginfo_t info;
    waitid(P_PID, child, &info, WEXITED | WNOWAIT);
    load(child);
    printf("state %s exit code %s\n", fields[3], fields[52]);
    reap("child", child);
}
