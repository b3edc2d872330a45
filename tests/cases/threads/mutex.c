// Mutexes of each kind: errors, timeouts, contention.
#include "case.h"
#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long counter;

static void *adds(void *unused) {
    for (int i = 0; i < 50000; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void *tries(void *other) {
    CODE(pthread_mutex_trylock(other));
    CODE(pthread_mutex_unlock(other));
    return NULL;
}

static void kind(const char *name, int type) {
    printf("%s\n", name);
    pthread_mutexattr_t attributes;
    pthread_mutex_t one;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, type);
    pthread_mutex_init(&one, &attributes);
    CODE(pthread_mutex_lock(&one));
    CODE(pthread_mutex_trylock(&one));
    if (type == PTHREAD_MUTEX_ERRORCHECK) CODE(pthread_mutex_lock(&one));
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_nsec += 10000000;
    if (limit.tv_nsec >= 1000000000) limit.tv_sec++, limit.tv_nsec -= 1000000000;
    if (type == PTHREAD_MUTEX_NORMAL) CODE(pthread_mutex_timedlock(&one, &limit));
    pthread_t thread;
    if (type != PTHREAD_MUTEX_NORMAL) {
        pthread_create(&thread, NULL, tries, &one);
        pthread_join(thread, NULL);
    }
    CODE(pthread_mutex_unlock(&one));
    if (type != PTHREAD_MUTEX_NORMAL) CODE(pthread_mutex_unlock(&one));
    if (type != PTHREAD_MUTEX_NORMAL) CODE(pthread_mutex_unlock(&one));
}

int main(void) {
    kind("normal", PTHREAD_MUTEX_NORMAL);
    kind("recursive", PTHREAD_MUTEX_RECURSIVE);
    kind("checking", PTHREAD_MUTEX_ERRORCHECK);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, adds, NULL);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    SHOW(counter);
}
