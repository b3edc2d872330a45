// Thread-local storage: initial values, destructors, errno of its own.
#include "case.h"
#include <pthread.h>

static __thread int plain = 5, zero;
static __thread char large[100000];
static pthread_key_t key;
static int destroyed;

static void destroy(void *value) {
    __atomic_add_fetch(&destroyed, (int)(long)value, __ATOMIC_SEQ_CST);
}

static void *worker(void *number) {
    long bad = plain != 5 || zero != 0 || large[99999] != 0;
    plain = zero = (int)(long)number;
    large[99999] = 1;
    pthread_setspecific(key, number);
    for (int i = 0; i < 100; i++) {
        sched_yield();
        errno = (int)(long)number;
        syscall(SYS_sched_yield);
        bad += plain != (int)(long)number || pthread_getspecific(key) != number;
    }
    close(-1);
    bad += errno != EBADF;
    return (void *)bad;
}

int main(void) {
    pthread_t threads[20];
    void *bad;
    long total = 0;
    CODE(pthread_key_create(&key, destroy));
    for (long i = 0; i < 20; i++) pthread_create(&threads[i], NULL, worker, (void *)(i + 1));
    for (int i = 0; i < 20; i++) {
        pthread_join(threads[i], &bad);
        total += (long)bad;
    }
    SHOW(total);
    SHOW(destroyed);
    SHOW(plain);
    IN_CHILD("child", SHOW(plain); plain = 9);
    SHOW(plain);
}
