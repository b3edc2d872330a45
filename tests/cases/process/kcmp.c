// kcmp(2): what processes and threads share.
#include "case.h"
#include <linux/kcmp.h>
#include <pthread.h>
#include <sys/sem.h>

static pid_t parent;

static void compare(pid_t other, const char *what) {
    printf("%s:", what);
    for (int kind = KCMP_VM; kind <= KCMP_SYSVSEM; kind++) {
        long order = syscall(SYS_kcmp, parent, other, kind, 0, 0);
        printf(" %d", order < 0 ? -1 : order == 0);
    }
    puts("");
}

static void *thread(void *none) {
    compare(gettid(), "thread");
    return NULL;
}


int main(void) {
    parent = getpid();
    compare(parent, "self");
    IN_CHILD("child", compare(getpid(), "child"));
    int set = NEED(semget(IPC_PRIVATE, 1, 0600));
    struct sembuf up = {0, 1, SEM_UNDO};
    SHOW(semop(set, &up, 1));
    IN_CHILD("child", compare(getpid(), "child"));
    pthread_t id;
    pthread_create(&id, NULL, thread, NULL);
    pthread_join(id, NULL);
    semctl(set, 0, IPC_RMID);
    SHOW(syscall(SYS_kcmp, parent, parent, 99, 0, 0));
    SHOW(syscall(SYS_kcmp, parent, parent, KCMP_FILE, 0, 99));
}
