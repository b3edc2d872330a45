// sched_*(2): policies, priorities and the errors.
#include "case.h"

struct attributes {
    uint32_t size, sched_policy;
    uint64_t flags;
    int32_t sched_nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

int main(void) {
    struct sched_param param = {0};
    SHOW(sched_getscheduler(0));
    SHOW(sched_getscheduler(999999));
    SHOW(sched_getscheduler(-1));
    SHOW(sched_getparam(0, &param));
    SHOW(param.sched_priority);
    SHOW(sched_getparam(0, NULL));
    SHOW(sched_get_priority_min(SCHED_FIFO));
    SHOW(sched_get_priority_max(SCHED_FIFO));
    SHOW(sched_get_priority_max(SCHED_OTHER));
    SHOW(sched_get_priority_max(SCHED_BATCH));
    SHOW(sched_get_priority_max(99));
    SHOW(sched_setscheduler(0, SCHED_BATCH, &param));
    SHOW(sched_getscheduler(0));
    SHOW(sched_setscheduler(0, SCHED_OTHER, &param));
    param.sched_priority = 1;
    SHOW(sched_setscheduler(0, SCHED_OTHER, &param));
    SHOW(sched_setparam(0, &param));
    param.sched_priority = 0;
    SHOW(sched_setscheduler(0, SCHED_FIFO, &param));
    SHOW(sched_setscheduler(0, 77, &param));
    SHOW(sched_setscheduler(0, SCHED_OTHER, NULL));
    SHOW(sched_yield());
    struct timespec time;
    SHOW(sched_rr_get_interval(0, &time));
    SHOW(sched_rr_get_interval(-1, &time));
    struct attributes attr = {.size = 48};
    SHOW(syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0));
    printf("policy %d nice %d size %d\n", attr.sched_policy, attr.sched_nice, attr.size);
    SHOW(syscall(SYS_sched_getattr, 0, &attr, 4, 0));
    SHOW(syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 1));
    attr.sched_nice = 4;
    SHOW(syscall(SYS_sched_setattr, 0, &attr, 0));
    SHOW(getpriority(PRIO_PROCESS, 0));
    SHOW(syscall(SYS_sched_setattr, 0, &attr, 1));
    IN_CHILD("user", {
        BECOME(1000);
        param.sched_priority = 1;
        SHOW(sched_setscheduler(0, SCHED_FIFO, &param));
        param.sched_priority = 0;
        SHOW(sched_setscheduler(0, SCHED_IDLE, &param));
        SHOW(sched_getscheduler(0));
    });
}
