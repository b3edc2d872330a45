// A system call changes rax, rcx and r11 and nothing else; flags and the direction flag survive.
#include "case.h"

int main(void) {
    unsigned long in[13], out[13];
    for (int i = 0; i < 13; i++) in[i] = 0x1111111111111111 * (i + 1);
    long result;
    __asm__ volatile(
        "push %%rbp\n"
        "mov 0(%[in]), %%rbx\n mov 8(%[in]), %%rdx\n mov 16(%[in]), %%r8\n mov 24(%[in]), %%r9\n mov 32(%[in]), %%r10\n"
        "mov 40(%[in]), %%r13\n mov 48(%[in]), %%r14\n mov 56(%[in]), %%r15\n mov 64(%[in]), %%rbp\n"
        "stc\n std\n pushfq\n pop %%r12\n push %%r12\n"
        "mov $39, %%eax\n syscall\n"
        "pushfq\n pop %%r12\n pop %%rcx\n cld\n"
        "mov %%rcx, 72(%[out])\n mov %%r12, 80(%[out])\n"
        "mov %%rbx, 0(%[out])\n mov %%rdx, 8(%[out])\n mov %%r8, 16(%[out])\n mov %%r9, 24(%[out])\n mov %%r10, 32(%[out])\n"
        "mov %%r13, 40(%[out])\n mov %%r14, 48(%[out])\n mov %%r15, 56(%[out])\n mov %%rbp, 64(%[out])\n"
        "pop %%rbp\n"
        : "=a"(result)
        : [in] "S"(in), [out] "D"(out)
        : "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
    IS(result == getpid());
    IS(out[9] == out[10]);
    IS((out[9] & 0x401) == 0x401);
    for (int i = 0; i < 9; i++)
        if (in[i] != out[i]) printf("register %d changed\n", i);
    // The red zone below the stack pointer survives too.
    unsigned long zone;
    __asm__ volatile("movq $0x1234, -64(%%rsp)\n mov $39, %%eax\n syscall\n mov -64(%%rsp), %0\n" : "=r"(zone) : : "rax", "rcx", "r11", "memory");
    SHOW(zone);
    // rcx is the address after the instruction, r11 the flags.
    unsigned long after, rcx;
    __asm__ volatile("lea 1f(%%rip), %0\n mov $39, %%eax\n syscall\n 1: mov %%rcx, %1\n" : "=&r"(after), "=&r"(rcx) : : "rax", "rcx", "r11", "memory");
    IS(after == rcx);
}
