// SEM_UNDO: taken back at the end of a process, whatever ends it; not at exec.
#include "case.h"
#include <sys/sem.h>

static int op(int id, int change, int flags) {
    struct sembuf operation = {0, change, flags};
    return semop(id, &operation, 1);
}

int main(int argc, char **argv) {
    if (argc > 1) return semctl(atoi(argv[1]), 0, GETVAL);
    int id = NEED(semget(IPC_PRIVATE, 1, IPC_CREAT | 0600));
    SHOW(semctl(id, 0, SETVAL, 5));
    IN_CHILD("exits", SHOW(op(id, -2, SEM_UNDO)); SHOW(op(id, -1, SEM_UNDO)); SHOW(semctl(id, 0, GETVAL)));
    SHOW(semctl(id, 0, GETVAL));
    IN_CHILD("without undo", SHOW(op(id, -2, 0)));
    SHOW(semctl(id, 0, GETVAL));
    IN_CHILD("killed", op(id, 3, SEM_UNDO); raise(SIGKILL));
    SHOW(semctl(id, 0, GETVAL));
    char text[20];
    snprintf(text, sizeof text, "%d", id);
    IN_CHILD("exec", op(id, -1, SEM_UNDO); execl("/proc/self/exe", "case", text, NULL));
    SHOW(semctl(id, 0, GETVAL));
    IN_CHILD("set in between", op(id, -1, SEM_UNDO); semctl(id, 0, SETVAL, 9));
    SHOW(semctl(id, 0, GETVAL));
    IN_CHILD("fork does not inherit", op(id, -1, SEM_UNDO); IN_CHILD("inner", SHOW(semctl(id, 0, GETVAL))); SHOW(semctl(id, 0, GETVAL)));
    SHOW(semctl(id, 0, GETVAL));
    // The adjustment wakes one that waits.
    SHOW(semctl(id, 0, SETVAL, 1));
    int ready[2];
    NEED(pipe(ready));
    pid_t holder = NEED(fork());
    if (holder == 0) {
        op(id, -1, SEM_UNDO);
        NEED(write(ready[1], "x", 1));
        pause();
    }
    char byte;
    NEED(read(ready[0], &byte, 1));
    pid_t waiter = NEED(fork());
    if (waiter == 0) _exit(op(id, -1, 0) == 0 ? 0 : 1);
    while (semctl(id, 0, GETNCNT) != 1) sched_yield();
    kill(holder, SIGKILL);
    reap("holder", holder);
    reap("waiter", waiter);
    SHOW(semctl(id, 0, IPC_RMID));
}
