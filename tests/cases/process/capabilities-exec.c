// Capabilities across an exec: root gets them, a user only ambient ones (capabilities(7)).
#include "case.h"
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>

static struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
static struct __user_cap_data_struct data[2];

#define FIRST 0xeb
int main(int argc, char **argv) {
    NEED(syscall(SYS_capget, &header, data));
    if (argc > 1) {
        printf("%s: effective %x permitted %x inheritable %x ambient %d\n", argv[1], data[0].effective & FIRST,
               data[0].permitted & FIRST, data[0].inheritable & FIRST, prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
        return 0;
    }
#define AGAIN execl("/proc/self/exe", "case", what, NULL)
    char *what = "root";
    IN_CHILD(what, AGAIN);
    what = "user";
    IN_CHILD(what, NEED(setuid(1000)); AGAIN);
    what = "keepcaps";
    IN_CHILD(what, prctl(PR_SET_KEEPCAPS, 1); NEED(setuid(1000)); AGAIN);
    what = "inheritable";
    data[0].inheritable |= 1 << CAP_KILL;
    IN_CHILD(what, NEED(syscall(SYS_capset, &header, data)); prctl(PR_SET_KEEPCAPS, 1); NEED(setuid(1000)); AGAIN);
    what = "ambient";
    IN_CHILD(what, NEED(syscall(SYS_capset, &header, data)); prctl(PR_SET_KEEPCAPS, 1); NEED(setuid(1000));
             NEED(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0)); AGAIN);
    what = "bounded root";
    IN_CHILD(what, NEED(prctl(PR_CAPBSET_DROP, CAP_KILL)); AGAIN);
    what = "effective user only";
    IN_CHILD(what, NEED(setresuid(1000, 0, 0)); AGAIN);
    what = "noroot";
    IN_CHILD(what, SHOW(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT)); AGAIN);
}
