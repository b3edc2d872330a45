// Faults that are blocked, ignored, or have no handler kill all the same.
#include "case.h"

static void handler(int signo) {}

int main(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGSEGV);
    IN_CHILD("default", *(volatile char *)NULL);
    IN_CHILD("ignored", signal(SIGSEGV, SIG_IGN); *(volatile char *)NULL);
    IN_CHILD("blocked", signal(SIGSEGV, handler); sigprocmask(SIG_BLOCK, &set, NULL); *(volatile char *)NULL);
    IN_CHILD("ignored but sent", signal(SIGSEGV, SIG_IGN); raise(SIGSEGV); _exit(4));
    IN_CHILD("blocked but sent", sigprocmask(SIG_BLOCK, &set, NULL); raise(SIGSEGV); _exit(5));
    IN_CHILD("division", __asm__ volatile("xor %%ecx, %%ecx\n div %%ecx" : : : "eax", "ecx", "edx"));
    IN_CHILD("undefined", __asm__ volatile("ud2"));
    IN_CHILD("trap", __asm__ volatile("int3"));
    IN_CHILD("stack pointer gone", __asm__ volatile("xor %esp, %esp\n push %rax"));
    IN_CHILD("handler without a stack", signal(SIGSEGV, handler); __asm__ volatile("mov $16, %esp\n push %rax"));
}
