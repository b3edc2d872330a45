// Files of the whole system that programs read: they exist, parse, and have the expected lines.
#include "case.h"

static void lines_starting(const char *path, const char **names) {
    FILE *file = fopen(path, "r");
    if (!file) {
        printf("%s: %s\n", path, errno_name(errno));
        return;
    }
    char line[5000];
    int found[40] = {0};
    while (fgets(line, sizeof line, file))
        for (int i = 0; names[i]; i++) found[i] |= strncmp(line, names[i], strlen(names[i])) == 0;
    for (int i = 0; names[i]; i++) printf("%s %s: %s\n", path, names[i], found[i] ? "yes" : "no");
    fclose(file);
}

static void numbers(const char *path, const char *format, int expected) {
    FILE *file = fopen(path, "r");
    double a, b, c;
    int d, e, f;
    int got = file ? fscanf(file, format, &a, &b, &c, &d, &e, &f) : -1;
    printf("%s: %d of %d\n", path, got, expected);
}

int main(void) {
    lines_starting("/proc/meminfo", (const char *[]){"MemTotal:", "MemFree:", "MemAvailable:", "Buffers:", "Cached:", "SwapTotal:", "SwapFree:", "Shmem:", "Slab:", "HugePages_Total:", "Hugepagesize:", NULL});
    lines_starting("/proc/cpuinfo", (const char *[]){"processor", "vendor_id", "model name", "flags", "cpu MHz", "physical id", "siblings", "cpu cores", "bogomips", NULL});
    lines_starting("/proc/stat", (const char *[]){"cpu ", "cpu0 ", "intr ", "ctxt ", "btime ", "processes ", "procs_running ", "procs_blocked ", NULL});
    lines_starting("/proc/filesystems", (const char *[]){"nodev\tproc", "nodev\ttmpfs", "nodev\tsysfs", NULL});
    lines_starting("/proc/version", (const char *[]){"Linux version ", NULL});
    numbers("/proc/uptime", "%lf %lf", 2);
    numbers("/proc/loadavg", "%lf %lf %lf %d/%d %d", 6);
    print_file("/proc/sys/kernel/ostype");
    print_file("/proc/sys/kernel/pid_max_missing");
    static const char *exist[] = {"/proc/sys/kernel/osrelease", "/proc/sys/kernel/random/boot_id", "/proc/sys/kernel/random/uuid", "/proc/sys/vm/overcommit_memory", "/proc/sys/fs/file-max",
                                  "/proc/sys/kernel/cap_last_cap", "/proc/sys/kernel/pid_max", "/proc/sys/net/core/somaxconn", "/proc/self/limits", "/proc/self/io", "/proc/self/statm", "/proc/self/cgroup",
                                  "/proc/self/oom_score_adj", "/proc/self/ns/pid", "/proc/self/ns/mnt", "/proc/self/smaps", "/proc/self/mounts", "/proc/self/uid_map", "/proc/self/loginuid", "/proc/net/unix",
                                  "/proc/net/tcp", "/proc/net/dev", "/sys/devices/system/cpu/online", "/sys/devices/system/cpu/possible", "/sys/kernel/mm/transparent_hugepage/enabled", "/proc/self/wchan",
                                  "/proc/self/pagemap", "/proc/self/personality", "/proc/self/setgroups", "/proc/vmstat", "/proc/cmdline", "/proc/partitions", "/proc/swaps", "/proc/interrupts"};
    for (size_t i = 0; i < sizeof exist / sizeof *exist; i++) {
        int fd = open(exist[i], O_RDONLY);
        printf("%s: %s\n", exist[i], fd == -1 ? errno_name(errno) : "opens");
        close(fd);
    }
    SHOW(open("/proc/version", O_WRONLY) == -1);
    SHOW(open("/proc/new", O_WRONLY | O_CREAT, 0644));
    SHOW(mkdir("/proc/new", 0755));
    SHOW(unlink("/proc/version"));
    struct stat stat;
    NEED(lstat("/proc/version", &stat));
    printf("%o size %ld\n", stat.st_mode, (long)stat.st_size);
    NEED(lstat("/proc/self", &stat));
    printf("%o\n", stat.st_mode);
}
