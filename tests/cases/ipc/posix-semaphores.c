// Named and unnamed POSIX semaphores and shared memory objects; sem_overview(7), shm_overview(7).
#include "case.h"
#include <semaphore.h>

int main(void) {
    SHOW(sem_open("/lz-none", 0) == SEM_FAILED ? -1 : 0);
    sem_t *named = sem_open("/lz-case", O_CREAT | O_EXCL, 0600, 2);
    IS(named != SEM_FAILED);
    SHOW(sem_open("/lz-case", O_CREAT | O_EXCL, 0600, 2) == SEM_FAILED ? -1 : 0);
    SHOW(sem_trywait(named));
    IN_CHILD("child", SHOW(sem_wait(named)); SHOW(sem_trywait(named)));
    int value = -1;
    sem_getvalue(named, &value);
    SHOW(value);
    pid_t child = NEED(fork());
    if (child == 0) _exit(sem_wait(named) == 0 ? 0 : 1);
    sleep_ms(10);
    SHOW(sem_post(named));
    reap("woken", child);
    struct timespec when;
    clock_gettime(CLOCK_REALTIME, &when);
    when.tv_nsec += 20000000;
    if (when.tv_nsec >= 1000000000) when.tv_sec++, when.tv_nsec -= 1000000000;
    SHOW(sem_timedwait(named, &when));
    SHOW(sem_unlink("/lz-case"));
    SHOW(sem_unlink("/lz-case"));
    int fd = NEED(shm_open("/lz-case-memory", O_RDWR | O_CREAT | O_EXCL, 0600));
    SHOW(shm_open("/lz-case-memory", O_RDWR | O_CREAT | O_EXCL, 0600));
    SHOW(ftruncate(fd, 4096));
    sem_t *unnamed = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    SHOW(sem_init(unnamed, 1, 0));
    child = NEED(fork());
    if (child == 0) {
        int other = NEED(shm_open("/lz-case-memory", O_RDWR, 0));
        sem_t *mine = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
        _exit(sem_post(mine) == 0 ? 0 : 1);
    }
    SHOW(sem_wait(unnamed));
    reap("poster", child);
    SHOW(shm_unlink("/lz-case-memory"));
    SHOW(shm_open("/lz-case-memory", O_RDWR, 0));
}
