// unshare(2) of what a task may share, and the errors.
#include "case.h"
#include <pthread.h>

static void *thread(void *unused) {
    SHOW(unshare(CLONE_FS));
    SHOW(chdir("/"));
    SHOW(unshare(CLONE_FILES));
    close(0);
    SHOW(unshare(CLONE_VM));
    SHOW(unshare(CLONE_SIGHAND));
    SHOW(unshare(CLONE_THREAD));
    return NULL;
}

int main(void) {
    char before[200], after[200];
    NEED(getcwd(before, sizeof before) ? 0 : -1);
    SHOW(unshare(0));
    SHOW(unshare(CLONE_FS | CLONE_FILES | CLONE_SYSVSEM));
    SHOW(unshare(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD));
    SHOW(unshare(CLONE_PARENT));
    SHOW(unshare(1));
    pthread_t id;
    pthread_create(&id, NULL, thread, NULL);
    pthread_join(id, NULL);
    NEED(getcwd(after, sizeof after) ? 0 : -1);
    SHOW(strcmp(before, after));
    SHOW(fcntl(0, F_GETFD));
}
