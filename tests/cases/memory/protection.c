// mprotect(2): each protection and what each access does, across the ends of mappings.
#include "case.h"
#include <setjmp.h>

static sigjmp_buf back;
static void handler(int signo) { siglongjmp(back, signo); }

static void probe(char *page) {
    volatile char *at = page;
    printf(" %s", sigsetjmp(back, 1) ? "-" : ((void)*at, "r"));
    printf("%s", sigsetjmp(back, 1) ? "-" : (*at = (char)0xc3, "w"));
    printf("%s", sigsetjmp(back, 1) ? "-" : (((void (*)(void))page)(), "x"));
}

static void probe_all(const char *what, char *area) {
    printf("%s:", what);
    for (int i = 0; i < 6; i++) probe(area + i * 4096);
    printf("\n");
}

int main(void) {
    signal(SIGSEGV, handler);
    char *area = mmap(NULL, 6 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(area, 0xc3, 6 * 4096);
    probe_all("rw", area);
    int prots[] = {PROT_NONE, PROT_READ, PROT_WRITE, PROT_EXEC, PROT_READ | PROT_EXEC, PROT_READ | PROT_WRITE | PROT_EXEC};
    for (int i = 0; i < 6; i++) NEED(mprotect(area + i * 4096, 4096, prots[i]));
    probe_all("each", area);
    IN_CHILD("fork", probe_all("child", area));
    NEED(mprotect(area + 4096, 3 * 4096, PROT_READ));
    probe_all("middle", area);
    munmap(area + 2 * 4096, 4096);
    SHOW(mprotect(area, 6 * 4096, PROT_READ | PROT_WRITE));
    // The part before the hole was changed.
    probe_all("hole", area);
    SHOW(mprotect(area + 4096, 2 * 4096, PROT_NONE));
    probe_all("again", area);
}
