// process_vm_readv(2), process_vm_writev(2): across holes, limits, permissions.
#include "case.h"

int main(void) {
    char *area = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *remote = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(remote + 2 * 4096, 4096);
    pid_t child = NEED(fork());
    if (child == 0) {
        strcpy(remote, "in the child");
        area[4096] = 1;
        for (;;) pause();
    }
    while (!*(volatile char *)(area + 4096)) sched_yield();
    struct iovec local = {area, 100}, there = {remote, 100};
    SHOW(process_vm_readv(child, &local, 1, &there, 1, 0));
    puts(area);
    SHOW(process_vm_readv(child, &local, 1, &there, 1, 1));
    SHOW(process_vm_readv(999999, &local, 1, &there, 1, 0));
    local.iov_len = there.iov_len = 3 * 4096;
    SHOW(process_vm_readv(child, &local, 1, &there, 1, 0));
    there.iov_base = remote + 2 * 4096;
    SHOW(process_vm_readv(child, &local, 1, &there, 1, 0));
    local.iov_base = NULL;
    there = (struct iovec){remote, 10};
    SHOW(process_vm_readv(child, &local, 1, &there, 1, 0));
    strcpy(area, "written");
    local = (struct iovec){area, 8};
    SHOW(process_vm_writev(child, &local, 1, &there, 1, 0));
    SHOW(process_vm_readv(child, &local, 1, &there, 1025, 0));
    SHOW(process_vm_readv(child, &local, 0, &there, 1, 0));
    SHOW(process_vm_readv(child, &local, 1, &there, 0, 0));
    IN_CHILD("user", BECOME(1000); SHOW(process_vm_readv(child, &local, 1, &there, 1, 0)));
    char path[64], text[20] = "";
    snprintf(path, sizeof path, "/proc/%d/mem", child);
    int memory = OK(open(path, O_RDWR));
    SHOW(pread(memory, text, 7, (off_t)(uintptr_t)remote));
    puts(text);
    SHOW(pwrite(memory, "poked", 6, (off_t)(uintptr_t)remote));
    SHOW(pread(memory, text, 7, (off_t)(uintptr_t)remote + 2 * 4096));
    SHOW(pread(memory, text, 6, (off_t)(uintptr_t)remote));
    puts(text);
    kill(child, SIGKILL);
    reap("child", child);
}
