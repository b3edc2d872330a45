// getdents64(2): a folder of 5,000 files, seeking, removal while reading, small buffers.
// also: --directfs=false --overlay2=none
#include "case.h"
#include <dirent.h>

static int by_name(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }

static void list(const char *path) {
    DIR *folder = opendir(path);
    char *names[100];
    int count = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char text[300];
        snprintf(text, sizeof text, "%s(%d)", entry->d_name, entry->d_type);
        names[count++] = strdup(text);
    }
    qsort(names, count, sizeof *names, by_name);
    for (int i = 0; i < count; i++) printf(" %s", names[i]);
    printf("\n");
    closedir(folder);
}

int main(void) {
    char name[300];
    NEED(mkdir("kinds", 0755));
    write_file("kinds/file", "");
    mkfifo("kinds/fifo", 0644);
    symlink("file", "kinds/link");
    mkdir("kinds/folder", 0755);
    memset(name, 'n', sizeof name);
    memcpy(name, "kinds/", 6);
    name[261] = 0;
    write_file(name, "");
    list("kinds");

    NEED(mkdir("many", 0755));
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "many/f%d", i);
        close(NEED(open(name, O_CREAT | O_WRONLY, 0644)));
    }
    DIR *folder = opendir("many");
    long sum = 0, count = 0, place = 0;
    char at[300] = "";
    for (struct dirent *entry; (entry = readdir(folder)); count++) {
        if (entry->d_name[0] == 'f') sum += atoi(entry->d_name + 1);
        if (count == 2500) place = telldir(folder);
        if (count == 2501) strcpy(at, entry->d_name);
    }
    printf("%ld entries, sum %ld\n", count, sum);
    seekdir(folder, place);
    IS(strcmp(readdir(folder)->d_name, at) == 0);
    rewinddir(folder);
    // Removing while reading: each that stays is seen once.
    long removed = 0, seen = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] != 'f') continue;
        seen++;
        snprintf(name, sizeof name, "many/%s", entry->d_name);
        if (unlink(name) == 0) removed++;
    }
    printf("seen %ld removed %ld\n", seen, removed);
    list("many");
    int fd = dirfd(folder);
    SHOW(lseek(fd, 0, SEEK_SET));
    SHOW(syscall(SYS_getdents64, fd, name, 10));
    SHOW(syscall(SYS_getdents64, fd, name, sizeof name));
    SHOW(syscall(SYS_getdents64, fd, name, sizeof name));
    SHOW(syscall(SYS_getdents64, 99, name, sizeof name));
    write_file("file", "");
    SHOW(syscall(SYS_getdents64, NEED(open("file", O_RDONLY)), name, sizeof name));
    lseek(fd, 0, SEEK_SET);
    SHOW(syscall(SYS_getdents64, fd, 8, 100));
    closedir(folder);
    // A folder that is gone while open.
    NEED(mkdir("gone", 0755));
    fd = NEED(open("gone", O_RDONLY));
    NEED(rmdir("gone"));
    SHOW(syscall(SYS_getdents64, fd, name, sizeof name));
}
