// /proc/PID/status: names of the lines, and the values that can be checked.
#include "case.h"

int main(void) {
    // Whoever started the case may have ignored signals, even those that signal(3) keeps for threads.
    long standard[4] = {0};
    for (int number = 1; number <= 64; number++) syscall(SYS_rt_sigaction, number, standard, NULL, 8);
    gid_t groups[] = {7, 8};
    NEED(syscall(SYS_setgroups, 2, groups));
    NEED(setresgid(10, 20, 30));
    umask(027);
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, (void (*)(int))main);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    kill(getpid(), SIGHUP);
    FILE *file = fopen("/proc/self/status", "r");
    char line[500];
    static const char *shown[] = {"Umask", "State", "TracerPid", "Uid", "Gid", "Groups", "Threads", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "NoNewPrivs", "Seccomp"};
    static const char *present[] = {"Name", "Tgid", "Pid", "PPid", "FDSize", "VmPeak", "VmSize", "VmRSS", "VmData", "VmStk", "VmExe", "VmLib", "CapInh", "CapPrm", "CapEff", "CapBnd",
                                    "CapAmb", "Cpus_allowed", "Cpus_allowed_list", "voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"};
    while (fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (!colon) continue;
        for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
            if (strncmp(line, shown[i], colon - line) == 0 && strlen(shown[i]) == (size_t)(colon - line)) printf("%s", line);
        for (size_t i = 0; i < sizeof present / sizeof *present; i++)
            if (strncmp(line, present[i], colon - line) == 0 && strlen(present[i]) == (size_t)(colon - line)) printf("%s: present\n", present[i]);
    }
}
