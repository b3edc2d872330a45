// getrusage(2) and times(2): what grows, for whom, and the errors.
#include "case.h"
#include <pthread.h>
#include <sys/times.h>

static long used(int who) {
    struct rusage usage;
    getrusage(who, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

static void burn(long ms) {
    struct timespec time;
    do clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    while (time.tv_sec * 1000 + time.tv_nsec / 1000000 < ms);
}

static void *idle(void *unused) {
    IS(used(RUSAGE_THREAD) < 50);
    IS(used(RUSAGE_SELF) >= 90);
    return NULL;
}

int main(void) {
    struct rusage usage;
    SHOW(getrusage(5, &usage));
    SHOW(getrusage(RUSAGE_SELF, (struct rusage *)8));
    SHOW(used(RUSAGE_CHILDREN));
    burn(100);
    IS(used(RUSAGE_SELF) >= 90);
    IS(used(RUSAGE_THREAD) >= 90);
    pthread_t thread;
    pthread_create(&thread, NULL, idle, NULL);
    pthread_join(thread, NULL);
    pid_t child = NEED(fork());
    if (child == 0) {
        IS(used(RUSAGE_SELF) < 50);
        burn(100);
        _exit(0);
    }
    siginfo_t info;
    waitid(P_PID, child, &info, WEXITED | WNOWAIT);
    SHOW(used(RUSAGE_CHILDREN));
    int status;
    wait4(child, &status, 0, &usage);
    IS(usage.ru_utime.tv_sec * 1000 + usage.ru_utime.tv_usec / 1000 + usage.ru_stime.tv_usec / 1000 >= 90);
    IS(usage.ru_maxrss > 100);
    IS(used(RUSAGE_CHILDREN) >= 90);
    struct tms tms;
    IS(times(&tms) > 0);
    IS(tms.tms_cutime + tms.tms_cstime >= 8);
    IS(tms.tms_utime + tms.tms_stime >= 8);
    getrusage(RUSAGE_SELF, &usage);
    IS(usage.ru_minflt > 0);
    IS(usage.ru_nvcsw > 0);
    IS(clock() >= 90000);
}
