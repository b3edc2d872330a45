// An exec from a thread that is not the leader: the others die, and the process keeps its id.
#include "case.h"
#include <pthread.h>

static char first[20];

static void *other(void *unused) {
    pause();
    return NULL;
}

static void *executes(void *unused) {
    sleep_ms(20);
    IS(gettid() != getpid());
    execl("/proc/self/exe", "case", first, NULL);
    return NULL;
}

int main(int argc, char **argv) {
    if (argc > 1) {
        IS(getpid() == atoi(argv[1]));
        IS(gettid() == getpid());
        FILE *status = fopen("/proc/self/status", "r");
        char line[200];
        while (fgets(line, sizeof line, status))
            if (strncmp(line, "Threads:", 8) == 0) printf("%s", line);
        return 6;
    }
    snprintf(first, sizeof first, "%d", getpid());
    pthread_t thread;
    for (int i = 0; i < 3; i++) pthread_create(&thread, NULL, other, NULL);
    pthread_create(&thread, NULL, executes, NULL);
    pthread_join(thread, NULL);
    puts("not reached");
}
