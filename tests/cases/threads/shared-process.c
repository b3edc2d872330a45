// Mutexes, conditions and semaphores in memory that processes share.
#include "case.h"
#include <pthread.h>
#include <semaphore.h>

struct shared {
    pthread_mutex_t mutex;
    pthread_cond_t turned;
    sem_t done;
    int turn, count;
};

int main(void) {
    struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t mutex;
    pthread_condattr_t condition;
    pthread_mutexattr_init(&mutex);
    pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&shared->mutex, &mutex);
    pthread_condattr_init(&condition);
    pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED);
    pthread_cond_init(&shared->turned, &condition);
    sem_init(&shared->done, 1, 0);
    for (int who = 0; who < 3; who++)
        if (NEED(fork()) == 0) {
            for (int i = 0; i < 200; i++) {
                pthread_mutex_lock(&shared->mutex);
                while (shared->turn != who) pthread_cond_wait(&shared->turned, &shared->mutex);
                shared->count++;
                shared->turn = (who + 1) % 3;
                pthread_cond_broadcast(&shared->turned);
                pthread_mutex_unlock(&shared->mutex);
            }
            sem_post(&shared->done);
            _exit(0);
        }
    for (int i = 0; i < 3; i++) NEED(sem_wait(&shared->done));
    while (wait(NULL) > 0)
        ;
    SHOW(shared->count);
    // The same futex word seen through a file mapped twice.
    int fd = NEED(open("file", O_RDWR | O_CREAT, 0644));
    NEED(ftruncate(fd, 4096));
    sem_t *one = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), *two = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    sem_init(one, 1, 0);
    pid_t child = NEED(fork());
    if (child == 0) {
        sem_wait(two);
        _exit(4);
    }
    sleep_ms(10);
    sem_post(one);
    reap("child", child);
}
