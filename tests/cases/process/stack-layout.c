// The stack that a program starts with: aligned, argv below envp below the auxiliary vector, strings above.
#include "case.h"
#include <sys/auxv.h>

extern char **environ;

int main(int argc, char **argv) {
    SHOW(argc);
    IS(((uintptr_t)argv - 8) % 16 == 0);
    IS(((long *)argv)[-1] == argc);
    IS(environ == argv + argc + 1);
    char **entry = environ;
    while (*entry) entry++;
    IS(*(long *)(entry + 1) != 0);
    IS(argv[0] > (char *)entry);
    char *end = argv[argc - 1] + strlen(argv[argc - 1]) + 1;
    IS(environ[0] == end);
    IS((char *)getauxval(AT_EXECFN) > environ[0]);
    // The initial stack can grow far beyond what is mapped at first.
    volatile char big[6 << 20];
    big[0] = 1;
    big[sizeof big - 1] = 1;
    IS(big[0] + big[sizeof big - 1] == 2);
}
