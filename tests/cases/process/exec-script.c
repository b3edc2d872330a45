// #! lines (execve(2), "Interpreter scripts").
#include "case.h"

static void attempt(const char *name, const char *text) {
    write_file(name, text);
    chmod(name, 0755);
    char path[300];
    snprintf(path, sizeof path, "./%s", name);
    pid_t child = NEED(fork());
    if (child == 0) {
        execl(path, "zero", "one", "two", NULL);
        printf("%s: %s\n", name, errno_name(errno));
        _exit(0);
    }
    reap(name, child);
}

int main(int argc, char **argv) {
    char self[300] = "", text[1000];
    NEED(readlink("/proc/self/exe", self, sizeof self - 1));
    if (argc > 1) {
        for (int i = 1; i < argc; i++) printf("  argv[%d] \"%s\"\n", i, argv[i]);
        return 0;
    }
    snprintf(text, sizeof text, "#!%s\n", self);
    attempt("plain", text);
    snprintf(text, sizeof text, "#!  %s   first second  \n", self);
    attempt("argument", text);
    snprintf(text, sizeof text, "#!%s", self);
    attempt("no newline", text);
    snprintf(text, sizeof text, "#!./plain x\n");
    attempt("nested", text);
    attempt("one", "#!./nested 1\n");
    attempt("two", "#!./one 2\n");
    attempt("three", "#!./two 3\n");
    attempt("four", "#!./three 4\n");
    attempt("missing", "#!/no/such/program\n");
    attempt("folder", "#!/tmp\n");
    attempt("empty", "#!\n");
    attempt("spaces", "#!   \n");
    attempt("itself", "#!./itself\n");
    memset(text, 'x', sizeof text);
    memcpy(text, "#!/", 3);
    text[300] = 0;
    attempt("too long", text);
    memcpy(text, "#!/bin/echo ", 12);
    attempt("long argument", text);
}
