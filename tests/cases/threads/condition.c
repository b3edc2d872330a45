// Condition variables: signal, broadcast, timeout, a queue between threads.
#include "case.h"
#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER, emptied = PTHREAD_COND_INITIALIZER;
static int slot[4], used, next_in, next_out;
static long sum, woken;
static int started;

static void *consumer(void *unused) {
    for (;;) {
        pthread_mutex_lock(&mutex);
        while (used == 0) pthread_cond_wait(&filled, &mutex);
        int value = slot[next_out++ % 4];
        used--;
        if (value > 0) sum += value;
        pthread_cond_signal(&emptied);
        pthread_mutex_unlock(&mutex);
        if (value < 0) return NULL;
    }
}

static void *waiter(void *unused) {
    pthread_mutex_lock(&mutex);
    while (!started) pthread_cond_wait(&filled, &mutex);
    woken++;
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static void put(int value) {
    pthread_mutex_lock(&mutex);
    while (used == 4) pthread_cond_wait(&emptied, &mutex);
    slot[next_in++ % 4] = value;
    used++;
    pthread_cond_signal(&filled);
    pthread_mutex_unlock(&mutex);
}

int main(void) {
    pthread_t threads[10];
    for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, consumer, NULL);
    for (int i = 1; i <= 10000; i++) put(i);
    for (int i = 0; i < 3; i++) put(-1);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    SHOW(sum);
    for (int i = 0; i < 10; i++) pthread_create(&threads[i], NULL, waiter, NULL);
    sleep_ms(10);
    pthread_mutex_lock(&mutex);
    started = 1;
    pthread_cond_broadcast(&filled);
    pthread_mutex_unlock(&mutex);
    for (int i = 0; i < 10; i++) pthread_join(threads[i], NULL);
    SHOW(woken);
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_nsec += 20000000;
    if (limit.tv_nsec >= 1000000000) limit.tv_sec++, limit.tv_nsec -= 1000000000;
    long start = now_ms();
    pthread_mutex_lock(&mutex);
    CODE(pthread_cond_timedwait(&filled, &mutex, &limit));
    IS(now_ms() - start >= 19);
    CODE(pthread_cond_clockwait(&filled, &mutex, CLOCK_MONOTONIC, &(struct timespec){1, 0}));
}
