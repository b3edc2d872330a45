// The errors of execve(2); the caller lives on.
#include "case.h"

#define TRY(path) SHOW(execve(path, argv, NULL))

int main(int argc, char **argv) {
    TRY("missing");
    TRY("");
    TRY(".");
    TRY("/dev/null");
    TRY("/proc/self/exe/x");
    write_file("text", "no program\n");
    TRY("text");
    chmod("text", 0755);
    TRY("text");
    write_file("empty", "");
    chmod("empty", 0755);
    TRY("empty");
    write_file("short", "\177ELF");
    chmod("short", 0755);
    TRY("short");
    symlink("loop", "loop");
    TRY("loop");
    symlink("missing", "dangling");
    TRY("dangling");
    mkdir("folder", 0755);
    TRY("folder");
    write_file("writing", "#!/bin/true\n");
    chmod("writing", 0755);
    int fd = NEED(open("writing", O_WRONLY));
    TRY("writing");
    close(fd);
    SHOW(execve((char *)8, argv, NULL));
    SHOW(execve("/bin/true", (char **)8, NULL));
    SHOW(execve("/bin/true", argv, (char **)8));
    SHOW(execve("/bin/true", (char *[]){"true", (char *)8, NULL}, NULL));
    char path[PATH_MAX + 2];
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = 0;
    TRY(path);
    path[300] = 0;
    TRY(path);
    IN_CHILD("other user", {
        write_file("private", "#!/bin/true\n");
        chmod("private", 0700);
        BECOME(1000);
        TRY("private");
    });
}
