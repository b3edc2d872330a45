// Barriers, read-write locks, spin locks, semaphores, once.
#include "case.h"
#include <pthread.h>
#include <semaphore.h>

static pthread_barrier_t barrier;
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_spinlock_t spin;
static sem_t semaphore;
static int serial, phases[3], once_ran, spun, torn, value_a, value_b;

static void only_once(void) { once_ran++; }

static void *worker(void *unused) {
    pthread_once(&once, only_once);
    for (int phase = 0; phase < 3; phase++) {
        __atomic_add_fetch(&phases[phase], 1, __ATOMIC_SEQ_CST);
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) __atomic_add_fetch(&serial, 1, __ATOMIC_SEQ_CST);
        if (phases[phase] != 4) puts("passed too early");
    }
    for (int i = 0; i < 2000; i++) {
        if (i % 10 == 0) {
            pthread_rwlock_wrlock(&lock);
            value_a++;
            value_b++;
        } else {
            pthread_rwlock_rdlock(&lock);
            if (value_a != value_b) torn++;
        }
        pthread_rwlock_unlock(&lock);
    }
    for (int i = 0; i < 1000; i++) {
        pthread_spin_lock(&spin);
        spun++;
        pthread_spin_unlock(&spin);
    }
    sem_post(&semaphore);
    return NULL;
}

int main(void) {
    pthread_t threads[4];
    pthread_barrier_init(&barrier, NULL, 4);
    pthread_spin_init(&spin, 0);
    sem_init(&semaphore, 0, 0);
    SHOW(sem_trywait(&semaphore));
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, worker, NULL);
    for (int i = 0; i < 4; i++) NEED(sem_wait(&semaphore));
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    printf("serial %d once %d spun %d torn %d values %d %d\n", serial, once_ran, spun, torn, value_a, value_b);
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    SHOW(sem_timedwait(&semaphore, &limit));
    CODE(pthread_rwlock_rdlock(&lock));
    CODE(pthread_rwlock_trywrlock(&lock));
    CODE(pthread_rwlock_timedwrlock(&lock, &limit));
    CODE(pthread_rwlock_tryrdlock(&lock));
}
