// Numbers that no kernel has, and calls that Linux took away: ENOSYS.
#include "case.h"

int main(void) {
    static const int gone[] = {134, 156, 174, 177, 178, 180, 181, 182, 183, 184, 185, 205, 211, 214, 215, 236};
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
        errno = 0;
        long result = syscall(gone[i], 0, 0, 0, 0, 0, 0);
        if (result != -1 || errno != ENOSYS) printf("%d: %ld %s\n", gone[i], result, errno_name(errno));
    }
    for (long number = 337; number < 424; number++) {
        errno = 0;
        long result = syscall(number, 0, 0, 0, 0, 0, 0);
        if (result != -1 || errno != ENOSYS) printf("%ld: %ld %s\n", number, result, errno_name(errno));
    }
    SHOW(syscall(600));
    SHOW(syscall(1023));
    SHOW(syscall(100000));
    SHOW(syscall(-1L));
    SHOW(syscall(-4096L));
    SHOW(syscall(1L << 40));
    SHOW(syscall(0x40000000L | SYS_getpid));
    // Only the low 32 bits are the number.
    IS(syscall((1L << 32) | SYS_getpid) == getpid());
}
