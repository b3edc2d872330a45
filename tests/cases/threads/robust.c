// Robust mutexes: EOWNERDEAD, consistency, ENOTRECOVERABLE; for threads and for killed processes.
#include "case.h"
#include <pthread.h>

static pthread_mutex_t *mutex;

static void *dies(void *unused) {
    pthread_mutex_lock(mutex);
    return NULL;
}

static void fresh(int shared) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&attributes, shared);
    pthread_mutex_init(mutex, &attributes);
}

int main(void) {
    mutex = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fresh(PTHREAD_PROCESS_PRIVATE);
    pthread_t thread;
    pthread_create(&thread, NULL, dies, NULL);
    pthread_join(thread, NULL);
    CODE(pthread_mutex_lock(mutex));
    CODE(pthread_mutex_consistent(mutex));
    CODE(pthread_mutex_unlock(mutex));
    CODE(pthread_mutex_lock(mutex));
    CODE(pthread_mutex_unlock(mutex));
    CODE(pthread_mutex_consistent(mutex));
    pthread_create(&thread, NULL, dies, NULL);
    pthread_join(thread, NULL);
    CODE(pthread_mutex_lock(mutex));
    CODE(pthread_mutex_unlock(mutex));
    CODE(pthread_mutex_lock(mutex));
    fresh(PTHREAD_PROCESS_SHARED);
    int locked[2];
    char byte;
    NEED(pipe(locked));
    pid_t child = NEED(fork());
    if (child == 0) {
        pthread_mutex_lock(mutex);
        NEED(write(locked[1], "l", 1));
        sleep_ms(20);
        raise(SIGKILL);
    }
    NEED(read(locked[0], &byte, 1));
    CODE(pthread_mutex_lock(mutex));
    reap("owner", child);
    CODE(pthread_mutex_consistent(mutex));
    CODE(pthread_mutex_unlock(mutex));
    // Dropped by an exec, too.
    child = NEED(fork());
    if (child == 0) {
        pthread_mutex_lock(mutex);
        NEED(write(locked[1], "l", 1));
        execl("/bin/sleep", "sleep", "0.1", NULL);
    }
    NEED(read(locked[0], &byte, 1));
    CODE(pthread_mutex_lock(mutex));
    reap("exec", child);
    void *head;
    size_t size;
    SHOW(syscall(SYS_get_robust_list, 0, &head, &size));
    SHOW(size);
    SHOW(syscall(SYS_set_robust_list, head, 23));
    SHOW(syscall(SYS_get_robust_list, 999999, &head, &size));
}
