// Cancellation: deferred, at blocking calls, asynchronous, with cleanup handlers.
#include "case.h"
#include <pthread.h>

static int pair[2];
// The thread can be cancelled where it is meant to be; it has been.
static volatile int ready, cancelled;
static void cleanup(void *what) { printf("cleanup %s\n", (char *)what); }

static void *reads(void *unused) {
    char byte;
    pthread_cleanup_push(cleanup, "read");
    ready = 1;
    read(pair[0], &byte, 1);
    pthread_cleanup_pop(0);
    return NULL;
}

static void *sleeps(void *unused) {
    pthread_cleanup_push(cleanup, "sleep");
    ready = 1;
    sleep(100);
    pthread_cleanup_pop(0);
    return NULL;
}

static void *spins(void *unused) {
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    pthread_cleanup_push(cleanup, "spin");
    ready = 1;
    for (;;)
        ;
    pthread_cleanup_pop(0);
    return NULL;
}

static void *refuses(void *unused) {
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    ready = 1;
    while (!cancelled) sleep_ms(1);
    puts("not cancelled yet");
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    pthread_testcancel();
    puts("not reached");
    return NULL;
}

static void *waits(void *unused) {
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
    pthread_mutex_lock(&mutex);
    pthread_cleanup_push(cleanup, "condition");
    ready = 1;
    pthread_cond_wait(&never, &mutex);
    pthread_cleanup_pop(0);
    return NULL;
}

int main(void) {
    NEED(pipe(pair));
    void *(*functions[])(void *) = {reads, sleeps, spins, refuses, waits};
    for (int i = 0; i < 5; i++) {
        pthread_t thread;
        void *result;
        ready = cancelled = 0;
        pthread_create(&thread, NULL, functions[i], NULL);
        while (!ready) sleep_ms(1);
        int result_of_cancel = pthread_cancel(thread);
        cancelled = 1;
        pthread_join(thread, &result);
        CODE(result_of_cancel);
        IS(result == PTHREAD_CANCELED);
    }
}
