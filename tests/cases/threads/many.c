// Five hundred threads at once, each with system calls of its own.
#include "case.h"
#include <pthread.h>

static pthread_barrier_t barrier;
static void *worker(void *unused) {
    pid_t tid = gettid();
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 20; i++)
        if (syscall(SYS_gettid) != tid) puts("wrong");
    return NULL;
}

int main(void) {
    pthread_t threads[500];
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    pthread_barrier_init(&barrier, NULL, 501);
    for (int i = 0; i < 500; i++) NEED(pthread_create(&threads[i], &attributes, worker, NULL) ? -1 : 0);
    FILE *status = fopen("/proc/self/status", "r");
    char line[200];
    while (fgets(line, sizeof line, status))
        if (strncmp(line, "Threads:", 8) == 0) printf("%s", line);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 500; i++) pthread_join(threads[i], NULL);
    puts("joined");
}
