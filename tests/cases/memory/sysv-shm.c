// System V shared memory: shmget(2), shmat(2), shmctl(2).
#include "case.h"
#include <sys/ipc.h>
#include <sys/shm.h>

int main(void) {
    int id = OK(shmget(IPC_PRIVATE, 10000, IPC_CREAT | 0600));
    SHOW(shmget(0x7a7a0001, 4096, 0600));
    SHOW(shmget(IPC_PRIVATE, 0, IPC_CREAT | 0600));
    char *area = shmat(id, NULL, 0);
    IS(area != (void *)-1);
    strcpy(area, "parent");
    IN_CHILD("inherits", puts(area); strcpy(area, "child"));
    puts(area);
    struct shmid_ds info;
    SHOW(shmctl(id, IPC_STAT, &info));
    printf("size %ld attached %ld mode %o\n", (long)info.shm_segsz, (long)info.shm_nattch, info.shm_perm.mode);
    char *again = shmat(id, NULL, SHM_RDONLY);
    puts(again);
    IN_CHILD("read-only", again[0] = 'x');
    SHOW(shmat(id, (void *)1, 0) == (void *)-1 ? -1 : 0);
    SHOW(shmctl(id, IPC_RMID, NULL));
    shmctl(id, IPC_STAT, &info);
    printf("attached %ld mode %o\n", (long)info.shm_nattch, info.shm_perm.mode);
    puts(area);
    SHOW(shmdt(area));
    SHOW(shmdt(area));
    SHOW(shmdt(again));
    SHOW(shmctl(id, IPC_STAT, &info));
    SHOW(shmat(id, NULL, 0) == (void *)-1 ? -1 : 0);
}
