// What execve(2) hands over: argv, envp, an empty argv, long lists.
#include "case.h"

extern char **environ;

int main(int argc, char **argv) {
    if (argc != 1 || strcmp(argv[0], "start") == 0 || argv[0][0] == 0) {
        int total = 0;
        for (int i = 0; i < argc; i++) total += strlen(argv[i]) + 1;
        printf("argc %d argv[0] \"%s\" last \"%.20s\" bytes %d\n", argc, argv[0], argv[argc - 1], total);
        for (char **entry = environ; *entry; entry++) printf("  env \"%.40s\"\n", *entry);
        return 0;
    }
    char *exe = "/proc/self/exe";
    IN_CHILD("plain", execve(exe, (char *[]){"start", "", "two words", "ü\n", NULL}, (char *[]){"A=1", "", "no equals", "A=2", NULL}));
    IN_CHILD("no environment", execve(exe, (char *[]){"start", NULL}, NULL));
    IN_CHILD("no arguments", execve(exe, (char *[]){NULL}, (char *[]){NULL}));
    IN_CHILD("null arguments", execve(exe, NULL, NULL));
    static char *many[5002];
    many[0] = "start";
    for (int i = 1; i < 5001; i++) many[i] = "0123456789";
    IN_CHILD("many", execve(exe, many, NULL));
    static char big[131072];
    memset(big, 'x', sizeof big - 1);
    char *one[] = {"start", big, NULL};
    IN_CHILD("longest string", execve(exe, one, NULL); puts(errno_name(errno)));
    static char bigger[131073];
    memset(bigger, 'x', sizeof bigger - 1);
    one[1] = bigger;
    IN_CHILD("longer", execve(exe, one, NULL); puts(errno_name(errno)));
    static char *list[70];
    list[0] = "start";
    for (int i = 1; i < 69; i++) list[i] = big;
    IN_CHILD("too much in all", execve(exe, list, NULL); puts(errno_name(errno)));
}
