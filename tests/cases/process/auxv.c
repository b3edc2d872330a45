// The auxiliary vector (getauxval(3)), as far as it is the same everywhere.
#include "case.h"
#include <sys/auxv.h>

int main(int argc, char **argv) {
    SHOW(getauxval(AT_PAGESZ));
    SHOW(getauxval(AT_CLKTCK));
    SHOW(getauxval(AT_SECURE));
    SHOW(getauxval(AT_PHENT));
    SHOW(getauxval(AT_FLAGS));
    IS(getauxval(AT_UID) == getuid());
    IS(getauxval(AT_EUID) == geteuid());
    IS(getauxval(AT_GID) == getgid());
    IS(getauxval(AT_EGID) == getegid());
    IS(getauxval(AT_PHNUM) > 4);
    IS(getauxval(AT_PHDR) != 0);
    IS(getauxval(AT_BASE) != 0);
    IS(getauxval(AT_ENTRY) != 0);
    IS(getauxval(AT_RANDOM) != 0);
    IS(getauxval(AT_HWCAP) != 0);
    IS(getauxval(AT_SYSINFO_EHDR) != 0);
    printf("platform %s\n", (char *)getauxval(AT_PLATFORM));
    IS(strcmp((char *)getauxval(AT_EXECFN), argv[0]) == 0);
    IS(memcmp((void *)getauxval(AT_SYSINFO_EHDR), "\177ELF", 4) == 0);
    static char file[2048];
    int fd = NEED(open("/proc/self/auxv", O_RDONLY));
    int count = NEED(read(fd, file, sizeof file));
    IS(count % 16 == 0);
    IS(((long *)file)[count / 8 - 2] == AT_NULL);
}
