// Code written at run time: in fresh, in changed, and in shared mappings; patched while it runs.
#include "case.h"

static unsigned char code[] = {0xb8, 1, 0, 0, 0, 0xc3};

int main(void) {
    unsigned char *area = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(area, code, sizeof code);
    int (*function)(void) = (void *)area;
    SHOW(function());
    area[1] = 2;
    SHOW(function());
    mprotect(area, 4096, PROT_READ | PROT_WRITE);
    area[1] = 3;
    mprotect(area, 4096, PROT_READ | PROT_EXEC);
    SHOW(function());
    // Two views of one memory.
    int fd = NEED(memfd_create("code", 0));
    NEED(ftruncate(fd, 4096));
    unsigned char *write_view = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    function = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    memcpy(write_view, code, sizeof code);
    SHOW(function());
    write_view[1] = 9;
    SHOW(function());
    // System call instructions made at run time, of every form: mov eax; syscall and others.
    unsigned char calls[] = {0xb8, SYS_getppid, 0, 0, 0, 0x0f, 0x05, 0xc3};
    memcpy(write_view, calls, sizeof calls);
    for (int i = 0; i < 3; i++) IS(function() == getppid());
    write_view[1] = SYS_getpid;
    for (int i = 0; i < 3; i++) IS(function() == getpid());
    mprotect(area, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
    memcpy(area, calls, sizeof calls);
    function = (void *)area;
    for (int i = 0; i < 3; i++) IS(function() == getppid());
    area[1] = SYS_getpid;
    for (int i = 0; i < 3; i++) IS(function() == getpid());
    unsigned char moved[] = {0x48, 0x89, 0xf8, 0x90, 0x0f, 0x05, 0x90, 0xc3};
    memcpy(area + 64, moved, sizeof moved);
    long (*by_argument)(long) = (void *)(area + 64);
    IS(by_argument(SYS_getpid) == getpid());
    IS(by_argument(SYS_getppid) == getppid());
    // Jumps into the middle: the instruction after the mov, with another number.
    long (*middle)(void) = (void *)(area + 5);
    memcpy(area, calls, sizeof calls);
    IS(function() == getppid());
    long result;
    __asm__ volatile("call *%1" : "=a"(result) : "r"(middle), "a"((long)SYS_getpid) : "rcx", "r11", "memory");
    IS(result == getpid());
    // Reading one's own code shows what was written.
    IS(memcmp(area, calls, sizeof calls) == 0);
}
