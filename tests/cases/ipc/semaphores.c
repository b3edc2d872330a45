// semget(2), semop(2), semctl(2): values, errors, waiting, removal.
#include "case.h"
#include <sys/sem.h>

static int op(int id, int index, int change, int flags) {
    struct sembuf operation = {index, change, flags};
    return semop(id, &operation, 1);
}

int main(void) {
    int id = NEED(semget(IPC_PRIVATE, 3, IPC_CREAT | 0600));
    SHOW(semget(IPC_PRIVATE, 0, IPC_CREAT | 0600));
    SHOW(semget(IPC_PRIVATE, -1, IPC_CREAT | 0600));
    SHOW(semget(0x7a617a01, 1, 0600));
    int keyed = OK(semget(0x7a617a01, 2, IPC_CREAT | IPC_EXCL | 0600));
    SHOW(semget(0x7a617a01, 2, IPC_CREAT | IPC_EXCL | 0600));
    IS(semget(0x7a617a01, 1, 0600) == keyed);
    SHOW(semget(0x7a617a01, 3, 0600));
    SHOW(semctl(id, 0, GETVAL));
    SHOW(semctl(id, 3, GETVAL));
    SHOW(semctl(id, 1, SETVAL, 5));
    SHOW(semctl(id, 1, GETVAL));
    SHOW(semctl(id, 1, SETVAL, 40000));
    SHOW(semctl(id, 1, SETVAL, -1));
    unsigned short values[3] = {1, 2, 3};
    SHOW(semctl(id, 0, SETALL, values));
    memset(values, 0, sizeof values);
    SHOW(semctl(id, 0, GETALL, values));
    printf("%d %d %d\n", values[0], values[1], values[2]);
    SHOW(op(id, 0, -1, 0));
    SHOW(op(id, 0, -1, IPC_NOWAIT));
    SHOW(op(id, 0, 0, IPC_NOWAIT));
    SHOW(op(id, 1, 0, IPC_NOWAIT));
    SHOW(op(id, 3, 1, 0));
    SHOW(op(id, 2, 32767, 0));
    struct sembuf several[3] = {{0, 1, 0}, {1, -2, 0}, {2, -4, IPC_NOWAIT}};
    SHOW(semop(id, several, 3));
    SHOW(semctl(id, 0, GETVAL));
    several[2].sem_op = -3;
    SHOW(semop(id, several, 3));
    SHOW(semop(id, several, 0));
    SHOW(semop(id, several, 501));
    SHOW(semop(id, NULL, 1));
    SHOW(semop(-1, several, 1));
    IS(semctl(id, 0, GETPID) == getpid());
    struct timespec timeout = {0, 20000000};
    several[0] = (struct sembuf){1, -1, 0};
    long start = now_ms();
    SHOW(semtimedop(id, several, 1, &timeout));
    IS(now_ms() - start >= 20);
    struct semid_ds state;
    SHOW(semctl(id, 0, IPC_STAT, &state));
    printf("mode %o count %ld uid %d key %d\n", state.sem_perm.mode, (long)state.sem_nsems, state.sem_perm.uid, state.sem_perm.__key);
    IS(state.sem_otime > 0 && state.sem_ctime > 0);
    state.sem_perm.mode = 0644;
    SHOW(semctl(id, 0, IPC_SET, &state));
    SHOW(semctl(id, 0, IPC_STAT, &state));
    printf("mode %o\n", state.sem_perm.mode);
    SHOW(semctl(id, 0, 99));
    IN_CHILD("user", {
        BECOME(1000);
        SHOW(semctl(id, 0, GETVAL));
        SHOW(semctl(id, 0, SETVAL, 1));
        SHOW(op(id, 0, 1, 0));
        SHOW(semctl(id, 0, IPC_RMID));
        SHOW(semctl(keyed, 0, GETVAL));
        SHOW(semget(0x7a617a01, 1, 0600));
    });
    // One waits for the other.
    pid_t child = NEED(fork());
    if (child == 0) _exit(op(id, 2, -1, 0) == 0 ? 0 : errno == EIDRM ? 7 : 8);
    while (semctl(id, 2, GETNCNT) != 1) sched_yield();
    SHOW(op(id, 2, 1, 0));
    reap("waiter", child);
    SHOW(semctl(id, 2, GETNCNT));
    child = NEED(fork());
    if (child == 0) _exit(op(id, 2, -1, 0) == 0 ? 0 : errno == EIDRM ? 7 : 8);
    while (semctl(id, 2, GETNCNT) != 1) sched_yield();
    SHOW(semctl(id, 0, IPC_RMID));
    reap("waiter for what is removed", child);
    SHOW(op(id, 0, 1, 0));
    SHOW(semctl(keyed, 0, IPC_RMID));
    SHOW(semctl(keyed, 0, IPC_RMID));
}
