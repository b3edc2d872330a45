// shmat(2) and its family: sharing between processes, counts, removal, addresses.
#include "case.h"
#include <sys/shm.h>

static long attached(int id) {
    struct shmid_ds state;
    return shmctl(id, IPC_STAT, &state) == -1 ? -1 : (long)state.shm_nattch;
}

int main(void) {
    int id = NEED(shmget(IPC_PRIVATE, 3 * 4096 + 5, IPC_CREAT | 0600));
    SHOW(attached(id));
    char *one = shmat(id, NULL, 0), *two = shmat(id, NULL, SHM_RDONLY);
    IS(one != two);
    SHOW(attached(id));
    strcpy(one, "shared");
    puts(two);
    struct shmid_ds state;
    NEED(shmctl(id, IPC_STAT, &state));
    printf("size %ld mode %o\n", (long)state.shm_segsz, state.shm_perm.mode);
    IS(state.shm_cpid == getpid() && state.shm_lpid == getpid());
    IS(state.shm_atime > 0 && state.shm_ctime > 0);
    IN_CHILD("child", SHOW(attached(id)); strcpy(one, "from the child"); SHOW(shmdt(two)); SHOW(attached(id)));
    puts(two);
    SHOW(attached(id));
    IN_CHILD("writes to what is read-only", two[0] = 1);
    SHOW(mprotect(two, 4096, PROT_READ | PROT_WRITE));
    // Parts of an attachment.
    SHOW(munmap(one + 4096, 4096));
    SHOW(attached(id));
    SHOW(shmdt(one + 4096));
    SHOW(shmdt(one));
    SHOW(attached(id));
    SHOW(shmdt(one));
    IN_CHILD("touches what was detached", one[0] = 1);
    // Places.
    char *place = mmap(NULL, 16 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    SHOW(shmat(id, place, 0) == (void *)-1 ? -1 : 0);
    IS(shmat(id, place, SHM_REMAP) == place);
    SHOW(shmdt(place));
    munmap(place, 16 * 4096);
    IS(shmat(id, place, 0) == place);
    SHOW(shmdt(place));
    SHOW(shmat(id, place + 5, 0) == (void *)-1 ? -1 : 0);
    IS(shmat(id, place + 5, SHM_RND) == place);
    SHOW(shmdt(place));
    SHOW(shmat(id, NULL, SHM_REMAP) == (void *)-1 ? -1 : 0);
    SHOW(shmat(12345678, NULL, 0) == (void *)-1 ? -1 : 0);
    // A removed one lives on while it is attached.
    SHOW(shmctl(id, IPC_RMID, NULL));
    NEED(shmctl(id, IPC_STAT, &state));
    printf("mode %o attached %ld\n", state.shm_perm.mode, (long)state.shm_nattch);
    puts(two);
    char *again = shmat(id, NULL, 0);
    IS(again != (void *)-1);
    SHOW(shmdt(two));
    SHOW(shmdt(again));
    SHOW(attached(id));
    SHOW(shmat(id, NULL, 0) == (void *)-1 ? -1 : 0);
    // Exec detaches.
    id = NEED(shmget(IPC_PRIVATE, 1, IPC_CREAT | 0600));
    one = shmat(id, NULL, 0);
    IN_CHILD("exec", execlp("true", "true", NULL));
    SHOW(attached(id));
    IN_CHILD("user", BECOME(1000); SHOW(shmat(id, NULL, SHM_RDONLY) == (void *)-1 ? -1 : 0); SHOW(shmctl(id, IPC_RMID, NULL)); SHOW(attached(id)));
    SHOW(shmctl(id, IPC_RMID, NULL));
}
