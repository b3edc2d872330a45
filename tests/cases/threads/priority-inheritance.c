// Priority-inheriting mutexes (futex(2), PI operations).
#include "case.h"
#include <pthread.h>

static pthread_mutex_t mutex;
static long counter;

static void *adds(void *unused) {
    for (int i = 0; i < 2000; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        if (i % 100 == 0) sched_yield();
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

int main(void) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    CODE(pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT));
    CODE(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK));
    CODE(pthread_mutex_init(&mutex, &attributes));
    CODE(pthread_mutex_lock(&mutex));
    CODE(pthread_mutex_lock(&mutex));
    CODE(pthread_mutex_unlock(&mutex));
    CODE(pthread_mutex_unlock(&mutex));
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, adds, NULL);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    SHOW(counter);
    CODE(pthread_mutex_lock(&mutex));
    struct timespec past = {1, 0};
    IN_CHILD("child", CODE(pthread_mutex_trylock(&mutex)));
    CODE(pthread_mutex_timedlock(&mutex, &past));
}
