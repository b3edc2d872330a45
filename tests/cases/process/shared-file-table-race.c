// Threads that open, close and duplicate at once: the lowest free descriptor each time, none lost.
#include "case.h"
#include <pthread.h>

static void *worker(void *unused) {
    for (int i = 0; i < 500; i++) {
        int fd = open("/dev/null", O_RDONLY), copy = dup(fd);
        if (fd == -1 || copy == -1) printf("open failed\n");
        if (close(fd) || close(copy)) printf("close failed\n");
    }
    return NULL;
}

int main(void) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, worker, NULL);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    SHOW(open("/dev/null", O_RDONLY));
    SHOW(dup(0));
    close(3);
    SHOW(dup(0));
    SHOW(dup(0));
}
