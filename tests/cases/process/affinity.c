// sched_setaffinity(2): sizes, empty masks, inheritance, getcpu.
#include "case.h"

int main(void) {
    cpu_set_t set, all;
    SHOW(sched_getaffinity(0, sizeof all, &all));
    IS(CPU_COUNT(&all) == sysconf(_SC_NPROCESSORS_ONLN));
    SHOW(syscall(SYS_sched_getaffinity, 0, 4, &set));
    SHOW(syscall(SYS_sched_getaffinity, 0, 9, &set));
    SHOW(sched_getaffinity(999999, sizeof set, &set));
    CPU_ZERO(&set);
    SHOW(sched_setaffinity(0, sizeof set, &set));
    CPU_SET(1000, &set);
    SHOW(sched_setaffinity(0, sizeof set, &set));
    CPU_SET(0, &set);
    SHOW(sched_setaffinity(0, sizeof set, &set));
    CPU_ZERO(&set);
    SHOW(sched_getaffinity(0, sizeof set, &set));
    SHOW(CPU_COUNT(&set));
    SHOW(sched_getcpu());
    unsigned cpu = 9, node = 9;
    SHOW(getcpu(&cpu, &node));
    SHOW(cpu);
    SHOW(node);
    SHOW(syscall(SYS_getcpu, &cpu, NULL, NULL));
    IN_CHILD("inherited", CPU_ZERO(&set); sched_getaffinity(0, sizeof set, &set); SHOW(CPU_COUNT(&set)));
    IN_CHILD("exec", execlp("nproc", "nproc", NULL));
    SHOW(sched_setaffinity(0, sizeof all, &all));
    SHOW(sched_setaffinity(0, 0, &all));
    SHOW(sched_setaffinity(0, sizeof all, NULL));
}
