// What fork copies, what exec keeps, what threads share: counted through the process's own eyes.
#include "case.h"
#include <pthread.h>

static int counter;
static __thread int own = 5;

static void *add(void *unused) {
    own++;
    return (void *)(long)(__atomic_add_fetch(&counter, own, __ATOMIC_SEQ_CST));
}

int main(void) {
    size_t size = 32 << 20;
    char *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < size; i += 4096) block[i] = (char)(i >> 12);
    for (int round = 0; round < 5; round++) {
        IN_CHILD("child", {
            int wrong = 0;
            for (size_t i = 0; i < size; i += 4096) wrong += block[i] != (char)(i >> 12);
            for (size_t i = 0; i < size; i += 8192) block[i] = 99;
            for (size_t i = 0; i < size; i += 8192) wrong += block[i] != 99;
            SHOW(wrong);
        });
    }
    int wrong = 0;
    for (size_t i = 0; i < size; i += 4096) wrong += block[i] != (char)(i >> 12);
    SHOW(wrong);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, add, NULL);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    SHOW(counter);
    SHOW(own);
    // A child of a thread has that thread's variables.
    own = 8;
    IN_CHILD("thread-local", SHOW(own); own = 9);
    SHOW(own);
    pid_t pids[20];
    for (int i = 0; i < 20; i++)
        if ((pids[i] = NEED(fork())) == 0) _exit(block[i * 4096]);
    int sum = 0, status;
    for (int i = 0; i < 20; i++) {
        waitpid(pids[i], &status, 0);
        sum += WEXITSTATUS(status);
    }
    SHOW(sum);
}
