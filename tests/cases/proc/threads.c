// /proc/PID/task: one folder per thread, of the right process only.
#include "case.h"
#include <dirent.h>
#include <pthread.h>

static pthread_barrier_t barrier;
static void *worker(void *tid) {
    pthread_setname_np(pthread_self(), "worker");
    *(pid_t *)tid = gettid();
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return NULL;
}

int main(void) {
    pid_t tid;
    pthread_t thread;
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_create(&thread, NULL, worker, &tid);
    pthread_barrier_wait(&barrier);
    DIR *folder = opendir("/proc/self/task");
    int count = 0;
    for (struct dirent *entry; (entry = readdir(folder));) count += entry->d_name[0] != '.';
    SHOW(count);
    char path[100];
    snprintf(path, sizeof path, "/proc/self/task/%d/comm", tid);
    SHOW(open(path, O_RDONLY) != -1);
    NEED(chdir("/proc/self/task"));
    snprintf(path, sizeof path, "/proc/%d/comm", tid);
    SHOW(open(path, O_RDONLY) != -1);
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", getpid(), tid);
    SHOW(access(path, F_OK));
    snprintf(path, sizeof path, "/proc/self/task/%d", getppid());
    SHOW(access(path, F_OK));
    // A thread's id is no folder in the listing of /proc, but can be opened.
    folder = opendir("/proc");
    int listed = 0, own = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        listed += atoi(entry->d_name) == tid;
        own += atoi(entry->d_name) == getpid();
    }
    SHOW(listed);
    SHOW(own);
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
    snprintf(path, sizeof path, "/proc/self/task/%d", tid);
    // Who joined a thread may still find it on its way out.
    for (int i = 0; i < 10000 && access(path, F_OK) == 0; i++) sleep_ms(1);
    SHOW(access(path, F_OK));
}
