// POSIX shared memory objects (shm_open(3)) between processes.
#include "case.h"

int main(void) {
    char name[64];
    snprintf(name, sizeof name, "/lazaret-case-%d", getpid());
    SHOW(shm_open("/none/such", O_RDWR, 0));
    int fd = OK(shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600));
    SHOW(shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600));
    SHOW(ftruncate(fd, 8192));
    int *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    IN_CHILD("by name", {
        int other = NEED(shm_open(name, O_RDWR, 0));
        int *again = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
        again[1024] = 4321;
    });
    SHOW(shared[1024]);
    SHOW(shm_unlink(name));
    SHOW(shm_unlink(name));
    SHOW(shm_open(name, O_RDWR, 0));
    shared[0] = 1;
    SHOW(shared[0]);
}
