// Threads and processes that end with a priority-inheriting lock that is in no robust list.
#include "case.h"
#include <linux/futex.h>
#include <pthread.h>

static long futex(_Atomic uint32_t *word, int operation) { return syscall(SYS_futex, word, operation, 0, NULL, NULL, 0); }

struct lock {
    _Atomic uint32_t word;
    _Atomic int go, tid;
};

static void show(const char *what, struct lock *lock) {
    uint32_t word = lock->word;
    bool mine = (word & FUTEX_TID_MASK) == (uint32_t)gettid();
    printf("%s: %s%s%s\n", what, mine ? "mine" : word & FUTEX_TID_MASK ? "another's" : "nobody's",
           word & FUTEX_WAITERS ? " waiters" : "", word & FUTEX_OWNER_DIED ? " died" : "");
}

static void await_waiters(struct lock *lock) {
    while (!(lock->word & FUTEX_WAITERS)) usleep(1000);
    usleep(20000);
}

static void *holds(void *argument) {
    struct lock *lock = argument;
    SHOW(futex(&lock->word, FUTEX_LOCK_PI));
    show("taken", lock);
    lock->go = 1;
    await_waiters(lock);
    return NULL;
}

static void *waits(void *argument) {
    struct lock *lock = argument;
    lock->tid = gettid();
    long result = futex(&lock->word, FUTEX_LOCK_PI);
    printf("second waiter: %ld\n", result);
    show("second waiter", lock);
    SHOW(futex(&lock->word, FUTEX_UNLOCK_PI));
    return NULL;
}

int main(int argc, char **argv) {
    if (argc == 2) return 0;

    static struct lock one;
    pthread_t holder, waiter;
    pthread_create(&holder, NULL, holds, &one);
    while (!one.go) usleep(1000);
    SHOW(futex(&one.word, FUTEX_LOCK_PI));
    show("first waiter", &one);
    pthread_join(holder, NULL);
    SHOW(futex(&one.word, FUTEX_UNLOCK_PI));
    show("unlocked", &one);

    static struct lock two;
    pthread_create(&holder, NULL, holds, &two);
    while (!two.go) usleep(1000);
    pthread_create(&waiter, NULL, waits, &two);
    pthread_join(holder, NULL);
    pthread_join(waiter, NULL);
    show("at the end", &two);

    // Nobody waited when it died.
    static struct lock three;
    three.word = one.tid ? one.tid : 0x3fffff;
    SHOW(futex(&three.word, FUTEX_LOCK_PI));
    SHOW(futex(&three.word, FUTEX_TRYLOCK_PI));

    struct lock *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int way = 0; way < 3; way++) {
        memset(shared, 0, sizeof *shared);
        pid_t child = fork();
        if (child == 0) {
            futex(&shared->word, FUTEX_LOCK_PI);
            shared->go = 1;
            await_waiters(shared);
            if (way == 0) _exit(0);
            if (way == 1) kill(getpid(), SIGKILL);
            execl("/proc/self/exe", "case", "again", NULL);
            _exit(1);
        }
        while (!shared->go) usleep(1000);
        SHOW(futex(&shared->word, FUTEX_LOCK_PI));
        show("of a process", shared);
        int status;
        waitpid(child, &status, 0);
        SHOW(status);
        SHOW(futex(&shared->word, FUTEX_UNLOCK_PI));
    }

    // Two processes in a row.
    memset(shared, 0, sizeof *shared);
    pid_t first = fork();
    if (first == 0) {
        futex(&shared->word, FUTEX_LOCK_PI);
        shared->go = 1;
        pause();
    }
    while (!shared->go) usleep(1000);
    pid_t second = fork();
    if (second == 0) {
        futex(&shared->word, FUTEX_LOCK_PI);
        show("second process", shared);
        shared->go = 2;
        pause();
    }
    await_waiters(shared);
    kill(first, SIGKILL);
    waitpid(first, NULL, 0);
    while (shared->go != 2) usleep(1000);
    kill(second, SIGKILL);
    waitpid(second, NULL, 0);
    SHOW(futex(&shared->word, FUTEX_LOCK_PI));
}
