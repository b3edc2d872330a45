// Threads: results, detaching, limits, thread ids.
#include "case.h"
#include <pthread.h>

static void *twice(void *value) { return (void *)((long)value * 2); }
static void *ids(void *unused) { return (void *)(long)(gettid() != getpid() && syscall(SYS_getpid) == getpid()); }
static int gate[2];
static void *waits(void *unused) {
    char byte;
    NEED(read(gate[0], &byte, 1));
    return (void *)5;
}

int main(void) {
    pthread_t thread, many[100];
    void *result;
    NEED(pipe(gate));
    CODE(pthread_create(&thread, NULL, twice, (void *)21));
    CODE(pthread_join(thread, &result));
    SHOW(result);
    CODE(pthread_create(&thread, NULL, ids, NULL));
    CODE(pthread_join(thread, &result));
    SHOW(result);
    long sum = 0;
    for (long i = 0; i < 100; i++) NEED(pthread_create(&many[i], NULL, twice, (void *)i) ? -1 : 0);
    for (int i = 0; i < 100; i++) {
        pthread_join(many[i], &result);
        sum += (long)result;
    }
    SHOW(sum);
    CODE(pthread_create(&thread, NULL, waits, NULL));
    CODE(pthread_tryjoin_np(thread, &result));
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    CODE(pthread_timedjoin_np(thread, &result, &limit));
    limit.tv_sec += 15;
    NEED(write(gate[1], "g", 1));
    CODE(pthread_timedjoin_np(thread, &result, &limit));
    SHOW(result);
    CODE(pthread_create(&thread, NULL, waits, NULL));
    CODE(pthread_detach(thread));
    CODE(pthread_join(thread, NULL));
    NEED(write(gate[1], "g", 1));
    CODE(pthread_join(pthread_self(), NULL));
    // One after the other, a thousand.
    for (int i = 0; i < 1000; i++) {
        if (pthread_create(&thread, NULL, twice, NULL) || pthread_join(thread, NULL)) puts("failed");
    }
}
