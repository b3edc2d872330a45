// Copy on write while threads write: no page mixes two processes.
#include "case.h"
#include <pthread.h>

#define PAGES 64
static volatile int stop;
static int *area;

static void *writer(void *unused) {
    while (!stop)
        for (int i = 0; i < PAGES; i++) area[i * 1024]++;
    return NULL;
}

int main(void) {
    area = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_t thread;
    pthread_create(&thread, NULL, writer, NULL);
    int bad = 0;
    for (int round = 0; round < 30; round++) {
        pid_t child = NEED(fork());
        if (child == 0) {
            // No thread of the parent writes here.
            int before[PAGES];
            for (int i = 0; i < PAGES; i++) before[i] = area[i * 1024];
            for (int i = 0; i < PAGES; i++) area[i * 1024 + 1] = 9;
            sched_yield();
            for (int i = 0; i < PAGES; i++)
                if (area[i * 1024] != before[i]) _exit(1);
            _exit(0);
        }
        int status;
        waitpid(child, &status, 0);
        bad += status != 0;
    }
    stop = 1;
    pthread_join(thread, NULL);
    SHOW(bad);
    for (int i = 0; i < PAGES; i++) bad += area[i * 1024 + 1] != 0;
    SHOW(bad);
}
