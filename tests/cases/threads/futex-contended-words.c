// Futex words that other threads change all the time: the calls that change them come to an end, and so does the process.
#include "case.h"
#include <linux/futex.h>
#include <pthread.h>

static _Atomic uint32_t word, other, stop;

static long futex(_Atomic uint32_t *first, int operation, long argument, int value3) {
    return syscall(SYS_futex, first, operation, 1, argument, &word, value3);
}

static void *spins(void *unused) {
    // Never another's for long.
    while (!stop) word = word ? 0 : 0x3fffff;
    return NULL;
}

static void *locks(void *unused) {
    for (;;) {
        futex(&word, FUTEX_TRYLOCK_PI, 0, 0);
        futex(&word, FUTEX_UNLOCK_PI, 0, 0);
    }
}

int main(void) {
    pthread_t thread;
    for (int i = 0; i < 2; i++) pthread_create(&thread, NULL, spins, NULL);
    for (int i = 0; i < 200; i++) {
        if (futex(&other, FUTEX_WAKE_OP, 1, FUTEX_OP(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_GT, 0x7ff)) < 0) perror("FUTEX_WAKE_OP");
    }
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 2; i++) pthread_create(&thread, NULL, spins, NULL);
        for (int i = 0; i < 2; i++) pthread_create(&thread, NULL, locks, NULL);
        pause();
    }
    usleep(100000);
    SHOW(kill(child, SIGKILL));
    int status;
    SHOW(waitpid(child, &status, 0) == child);
    SHOW(WTERMSIG(status));
    stop = 1;
}
