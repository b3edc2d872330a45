// uname(2), sysinfo(2), getrandom(2), set_tid_address(2), membarrier(2): forms, sizes and errors.
#include "case.h"
#include <linux/membarrier.h>
#include <sys/random.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

int main(void) {
    struct utsname uts;
    SHOW(uname(&uts));
    printf("%s %s\n", uts.sysname, uts.machine);
    int major = 0, minor = -1;
    sscanf(uts.release, "%d.%d", &major, &minor);
    IS(major >= 5);
    IS(minor >= 0);
    IS(uts.version[0] == '#');
    SHOW(uname((struct utsname *)8));
    struct sysinfo info;
    SHOW(sysinfo(&info));
    IS(info.totalram > 0);
    IS(info.freeram <= info.totalram);
    IS(info.procs > 0);
    IS(info.mem_unit >= 1);
    SHOW(sysinfo((struct sysinfo *)8));
    static char one[4096], two[4096];
    SHOW(getrandom(one, sizeof one, 0));
    SHOW(getrandom(two, sizeof two, GRND_NONBLOCK));
    IS(memcmp(one, two, sizeof one) != 0);
    SHOW(getrandom(one, 16, GRND_RANDOM));
    SHOW(getrandom(one, 16, GRND_INSECURE));
    SHOW(getrandom(one, 16, GRND_RANDOM | GRND_INSECURE));
    SHOW(getrandom(one, 16, 0x100));
    SHOW(getrandom((void *)8, 16, 0));
    SHOW(getrandom(one, 0, 0));
    SHOW(getentropy(one, 257));
    IS(syscall(SYS_set_tid_address, &major) == gettid());
    IS(syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0) & MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    SHOW(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
    SHOW(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
    SHOW(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
    SHOW(syscall(SYS_membarrier, 1 << 20, 0, 0));
    IS(sysconf(_SC_PAGESIZE) == 4096);
    SHOW(sysconf(_SC_CLK_TCK));
    IS(sysconf(_SC_NPROCESSORS_ONLN) >= 1);
    IS(get_nprocs_conf() >= get_nprocs());
}
