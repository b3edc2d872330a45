// glibc's setuid reaches all threads; the raw call only its own (setuid(2)).
#include "case.h"
#include <pthread.h>

static pthread_barrier_t barrier;
static void *worker(void *unused) {
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    printf("worker %ld\n", syscall(SYS_getuid));
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    printf("worker %ld\n", syscall(SYS_getuid));
    return NULL;
}

int main(void) {
    pthread_t thread;
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_create(&thread, NULL, worker, NULL);
    pthread_barrier_wait(&barrier);
    SHOW(syscall(SYS_setresuid, 5, 5, 0));
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    SHOW(syscall(SYS_setresuid, 0, 0, 0));
    SHOW(setuid(7));
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
    printf("main %ld\n", syscall(SYS_getuid));
}
