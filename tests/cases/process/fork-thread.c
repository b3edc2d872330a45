// fork(2) from a thread: the child has that thread alone.
#include "case.h"
#include <pthread.h>

static __thread int local = 1;
static int prepared, in_parent, in_child;
static void prepare(void) { prepared++; }
static void parent(void) { in_parent++; }
static void child(void) { in_child++; }

static int spinner;

static void *spin(void *flag) {
    spinner = gettid();
    while (!*(volatile int *)flag) sched_yield();
    return NULL;
}

static void *forks(void *unused) {
    local = 7;
    IN_CHILD("child", {
        SHOW(local);
        IS(gettid() == getpid());
        printf("prepared %d parent %d child %d\n", prepared, in_parent, in_child);
        pthread_t thread;
        static int stop = 1;
        CODE(pthread_create(&thread, NULL, spin, &stop));
        CODE(pthread_join(thread, NULL));
        // Who joined a thread may still find it on its way out.
        char path[100];
        snprintf(path, sizeof path, "/proc/self/task/%d", spinner);
        for (int i = 0; i < 10000 && access(path, F_OK) == 0; i++) sleep_ms(1);
        FILE *status = fopen("/proc/self/status", "r");
        char line[200];
        while (fgets(line, sizeof line, status))
            if (strncmp(line, "Threads:", 8) == 0) printf("%s", line);
    });
    printf("prepared %d parent %d child %d\n", prepared, in_parent, in_child);
    return NULL;
}

int main(void) {
    static int stop;
    pthread_t thread, other[3];
    pthread_atfork(prepare, parent, child);
    for (int i = 0; i < 3; i++) pthread_create(&other[i], NULL, spin, &stop);
    pthread_create(&thread, NULL, forks, NULL);
    pthread_join(thread, NULL);
    stop = 1;
    for (int i = 0; i < 3; i++) pthread_join(other[i], NULL);
}
