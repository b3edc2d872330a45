// execveat(2) and fexecve: by descriptor, by folder, flags and errors.
#include "case.h"

int main(int argc, char **argv) {
    if (argc > 1) {
        printf("ran as %s %s\n", argv[0], argv[1]);
        return 0;
    }
    char *args[] = {"name", "argument", NULL}, *env[] = {NULL};
    int exe = NEED(open("/proc/self/exe", O_PATH | O_CLOEXEC));
    IN_CHILD("empty path", execveat(exe, "", args, env, AT_EMPTY_PATH));
    SHOW(execveat(exe, "", args, env, 0));
    int bin = NEED(open("/bin", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    IN_CHILD("by folder", execveat(bin, "echo", (char *[]){"echo", "hello", NULL}, env, 0));
    SHOW(execveat(99, "echo", args, env, 0));
    SHOW(execveat(0, "echo", args, env, 0));
    SHOW(execveat(bin, "echo", args, env, 0x8000));
    NEED(symlink("/bin/true", "link"));
    SHOW(execveat(AT_FDCWD, "link", args, env, AT_SYMLINK_NOFOLLOW));
    IN_CHILD("absolute", execveat(99, "/bin/echo", (char *[]){"echo", "hi", NULL}, env, 0));
    write_file("script", "#!/bin/sh\necho script $#\n");
    chmod("script", 0755);
    // A script by a descriptor that exec closes cannot be opened by its interpreter.
    int closed = NEED(open("script", O_RDONLY | O_CLOEXEC));
    SHOW(execveat(closed, "", args, env, AT_EMPTY_PATH));
    int kept = NEED(open("script", O_RDONLY));
    IN_CHILD("script", execveat(kept, "", args, env, AT_EMPTY_PATH));
    IN_CHILD("fexecve", fexecve(kept, args, env));
}
