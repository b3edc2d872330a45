// The ids of a privileged process, and how privileges go with them (capabilities(7)).
#include "case.h"
#include <sys/fsuid.h>
#include <sys/syscall.h>

static void show(void) {
    uid_t real, effective, saved;
    getresuid(&real, &effective, &saved);
    printf("  uid %d %d %d", real, effective, saved);
    getresgid(&real, &effective, &saved);
    printf(" gid %d %d %d\n", real, effective, saved);
}

int main(void) {
    SHOW(setregid(100, 200));
    show();
    SHOW(setregid(-1, 300));
    show();
    SHOW(setgid(400));
    show();
    SHOW(setreuid(-1, 50));
    show();
    SHOW(setuid(60));
    SHOW(setreuid(0, 0));
    show();
    SHOW(setreuid(70, 0));
    show();
    SHOW(setfsuid(33));
    SHOW(setfsuid(-1));
    SHOW(setuid(60));
    show();
    SHOW(setuid(0));
    SHOW(setuid(-1));
    SHOW(setgid(-1));
    SHOW(setresgid(400, 400, 400));
    SHOW(setresgid(401, 400, 400));
}
