// setuid(2) and its relatives as an ordinary user: which ids may be taken.
#include "case.h"
#include <sys/fsuid.h>

static void show(void) {
    uid_t real, effective, saved;
    getresuid(&real, &effective, &saved);
    printf("  uid %d %d %d\n", real, effective, saved);
}

int main(void) {
    SHOW(setresuid(10, 20, 30));
    show();
    SHOW(setuid(0));
    SHOW(setuid(40));
    SHOW(setuid(30));
    show();
    SHOW(seteuid(20));
    SHOW(seteuid(10));
    show();
    SHOW(setreuid(-1, 30));
    show();
    SHOW(setreuid(30, 10));
    show();
    SHOW(setreuid(10, -1));
    show();
    SHOW(setresuid(-1, -1, -1));
    SHOW(setresuid(10, 10, 99));
    SHOW(setresuid(-1, -1, 10));
    show();
    SHOW(setfsuid(10));
    SHOW(setfsuid(99));
    SHOW(setfsuid(-1));
    SHOW(setgid(5));
    SHOW(setresgid(0, 5, -1));
    SHOW(setregid(0, 5));
    SHOW(setgid(0));
    SHOW(getresuid((uid_t *)8, (uid_t *)8, (uid_t *)8));
}
