// The main stack grows as far as RLIMIT_STACK is raised while the program runs.
#include "case.h"

static int deep(int level) {
    volatile char block[4096];
    block[0] = level;
    return level == 0 ? 0 : deep(level - 1) + block[0];
}

int main(void) {
    struct rlimit limit;
    NEED(getrlimit(RLIMIT_STACK, &limit));
    IN_CHILD("as it is", printf("%d\n", deep(1000) != 0));
    IN_CHILD("too deep", printf("%d\n", deep(5000) != 0));
    limit.rlim_cur = 64 << 20;
    IN_CHILD("raised", NEED(setrlimit(RLIMIT_STACK, &limit)); printf("%d\n", deep(12000) != 0));
    IN_CHILD("raised and lowered", {
        NEED(setrlimit(RLIMIT_STACK, &limit));
        printf("%d\n", deep(12000) != 0);
        limit.rlim_cur = 1 << 20;
        NEED(setrlimit(RLIMIT_STACK, &limit));
        printf("%d\n", deep(100) != 0);
    });
    IN_CHILD("after exec", limit.rlim_cur = 1 << 20; NEED(setrlimit(RLIMIT_STACK, &limit)); execlp("sh", "sh", "-c", "ulimit -s", NULL));
}
