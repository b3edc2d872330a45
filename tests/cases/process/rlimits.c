// getrlimit(2), setrlimit(2), prlimit(2): values, order of soft and hard, and who may raise.
#include "case.h"

static void show(int resource) {
    struct rlimit limit;
    getrlimit(resource, &limit);
    printf("  soft %ld hard %ld\n", (long)limit.rlim_cur, (long)limit.rlim_max);
}

int main(void) {
    struct rlimit limit = {100, 50}, old;
    SHOW(setrlimit(RLIMIT_NOFILE, &limit));
    SHOW(getrlimit(16, &limit));
    SHOW(setrlimit(-1, &limit));
    SHOW(getrlimit(RLIMIT_NOFILE, (struct rlimit *)8));
    SHOW(prlimit(999999, RLIMIT_NOFILE, NULL, &old));
    SHOW(prlimit(-1, RLIMIT_NOFILE, NULL, &old));
    SHOW(prlimit(0, RLIMIT_NOFILE, NULL, NULL));
    limit = (struct rlimit){100, 200};
    SHOW(prlimit(getpid(), RLIMIT_NOFILE, &limit, &old));
    show(RLIMIT_NOFILE);
    IN_CHILD("inherited", show(RLIMIT_NOFILE));
    IN_CHILD("user", {
        BECOME(1000);
        limit = (struct rlimit){100, 201};
        SHOW(setrlimit(RLIMIT_NOFILE, &limit));
        limit = (struct rlimit){200, 200};
        SHOW(setrlimit(RLIMIT_NOFILE, &limit));
        limit = (struct rlimit){10, 150};
        SHOW(setrlimit(RLIMIT_NOFILE, &limit));
        show(RLIMIT_NOFILE);
        SHOW(prlimit(getppid(), RLIMIT_NOFILE, NULL, &old));
    });
    limit = (struct rlimit){1 << 20, RLIM_INFINITY};
    SHOW(setrlimit(RLIMIT_STACK, &limit));
    show(RLIMIT_STACK);
    limit = (struct rlimit){0, 0};
    SHOW(setrlimit(RLIMIT_CORE, &limit));
    show(RLIMIT_CORE);
    limit = (struct rlimit){-2, -2};
    SHOW(setrlimit(RLIMIT_FSIZE, &limit));
    show(RLIMIT_FSIZE);
}
