// futex(2): the operations and their errors.
#include "case.h"
#include <linux/futex.h>
#include <pthread.h>

static volatile int word, other;

static long futex(volatile int *at, int operation, int value, const void *time, volatile int *second, int third) {
    return syscall(SYS_futex, at, operation, value, time, second, third);
}

static void *waits(void *bits) {
    return (void *)futex(&word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 0, NULL, NULL, (int)(long)bits);
}

int main(void) {
    struct timespec little = {0, 10000000}, bad = {0, 1000000000};
    SHOW(futex(&word, FUTEX_WAIT, 1, NULL, NULL, 0));
    SHOW(futex(&word, FUTEX_WAIT, 0, &little, NULL, 0));
    SHOW(futex(&word, FUTEX_WAIT_PRIVATE, 0, &little, NULL, 0));
    SHOW(futex(&word, FUTEX_WAIT, 0, &bad, NULL, 0));
    SHOW(futex((int *)((char *)&word + 1), FUTEX_WAIT, 0, &little, NULL, 0));
    SHOW(futex((int *)8, FUTEX_WAIT, 0, &little, NULL, 0));
    SHOW(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
    SHOW(futex((int *)8, FUTEX_WAKE, 1, NULL, NULL, 0));
    SHOW(futex((int *)((char *)&word + 1), FUTEX_WAKE, 1, NULL, NULL, 0));
    SHOW(futex(&word, 99, 1, NULL, NULL, 0));
    SHOW(futex(&word, FUTEX_WAIT_BITSET, 0, &little, NULL, 0));
    SHOW(futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0));
    SHOW(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &(struct timespec){1, 0}, NULL, -1));
    SHOW(futex(&word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 0));
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, waits, (void *)(1L << i));
    // Moving them to where they are counts them.
    while (futex(&word, FUTEX_REQUEUE | FUTEX_PRIVATE_FLAG, 0, (void *)10, &word, 0) != 3) sleep_ms(1);
    SHOW(futex(&word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, 10, NULL, NULL, 8));
    SHOW(futex(&word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, 10, NULL, NULL, 2));
    SHOW(futex(&word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 0, (void *)10, &other, 1));
    SHOW(futex(&word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 1, (void *)10, &other, 0));
    SHOW(futex(&word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 10, NULL, NULL, 0));
    SHOW(futex(&other, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 10, NULL, NULL, 0));
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    // other: add 5, then wake if the old value was equal to 0.
    SHOW(futex(&word, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 1, (void *)1, &other, FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_EQ, 0)));
    SHOW(other);
    SHOW(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    IS((word & FUTEX_TID_MASK) == gettid());
    SHOW(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    SHOW(futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
    SHOW(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    SHOW(word);
    SHOW(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    word = 999999;
    SHOW(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
}
