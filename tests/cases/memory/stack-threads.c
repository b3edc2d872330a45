// Stacks: guard pages of threads, growth of the main one, use far below the pointer.
#include "case.h"
#include <pthread.h>

static int deep(int level) {
    volatile char block[4096];
    block[0] = 1;
    return level == 0 ? 1 : deep(level - 1) + block[0];
}

static pthread_barrier_t created;

static void *run(void *level) {
    pthread_barrier_wait(&created);
    return (void *)(long)deep((long)level);
}

static long in_thread(size_t size, long level) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    CODE(pthread_attr_setstacksize(&attributes, size));
    pthread_t thread;
    void *result;
    pthread_barrier_init(&created, NULL, 2);
    CODE(pthread_create(&thread, &attributes, run, (void *)level));
    pthread_barrier_wait(&created);
    pthread_join(thread, &result);
    return (long)result;
}

int main(void) {
    SHOW(in_thread(1 << 20, 100));
    SHOW(in_thread(64 << 20, 10000));
    SHOW(in_thread(16384, 1));
    IN_CHILD("into the guard", in_thread(1 << 20, 1000));
    SHOW(deep(1500));
    IN_CHILD("beyond the limit", deep(5000));
    IN_CHILD("far below the pointer", volatile char *here = __builtin_frame_address(0); here[-(1 << 20)] = 1; puts("grew"));
}
