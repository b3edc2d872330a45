// Cancellation: deferred, at blocking calls, asynchronous, with cleanup handlers.
#include "case.h"
#include <pthread.h>

static int pair[2];
static void cleanup(void *what) { printf("cleanup %s\n", (char *)what); }

static void *reads(void *unused) {
    char byte;
    pthread_cleanup_push(cleanup, "read");
    read(pair[0], &byte, 1);
    pthread_cleanup_pop(0);
    return NULL;
}

static void *sleeps(void *unused) {
    pthread_cleanup_push(cleanup, "sleep");
    sleep(10);
    pthread_cleanup_pop(0);
    return NULL;
}

static void *spins(void *unused) {
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    pthread_cleanup_push(cleanup, "spin");
    for (;;)
        ;
    pthread_cleanup_pop(0);
    return NULL;
}

static void *refuses(void *unused) {
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    sleep_ms(30);
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
        pthread_create(&thread, NULL, functions[i], NULL);
        sleep_ms(10);
        int cancelled = pthread_cancel(thread);
        pthread_join(thread, &result);
        CODE(cancelled);
        IS(result == PTHREAD_CANCELED);
    }
}
