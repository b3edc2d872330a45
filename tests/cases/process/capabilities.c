// capget(2), capset(2), and how changes of user ids change capabilities (capabilities(7)).
#include "case.h"
#include <linux/capability.h>
#include <sys/prctl.h>

static struct __user_cap_header_struct header;
static struct __user_cap_data_struct data[2];

static int get(void) {
    header = (struct __user_cap_header_struct){_LINUX_CAPABILITY_VERSION_3, 0};
    return syscall(SYS_capget, &header, data);
}

static int set(void) {
    header = (struct __user_cap_header_struct){_LINUX_CAPABILITY_VERSION_3, 0};
    return syscall(SYS_capset, &header, data);
}

// Only the first ones, which every container has: chown, dac_override, fowner, kill, setgid, setuid.
#define FIRST 0xeb
static void show(const char *what) {
    NEED(get());
    printf("%s: effective %x permitted %x inheritable %x\n", what, data[0].effective & FIRST, data[0].permitted & FIRST,
           data[0].inheritable & FIRST);
}

int main(void) {
    header.version = 0x12345678;
    SHOW(syscall(SYS_capget, &header, data));
    printf("version %x\n", header.version);
    header.version = 0;
    SHOW(syscall(SYS_capget, &header, NULL));
    header = (struct __user_cap_header_struct){_LINUX_CAPABILITY_VERSION_3, 999999};
    SHOW(syscall(SYS_capget, &header, data));
    header.pid = -1;
    SHOW(syscall(SYS_capget, &header, data));
    IN_CHILD("another process", {
        header = (struct __user_cap_header_struct){_LINUX_CAPABILITY_VERSION_3, getppid()};
        SHOW(syscall(SYS_capset, &header, data));
    });

    show("start");
    IN_CHILD("seteuid", NEED(seteuid(1000)); show("effective user"); NEED(seteuid(0)); show("back"));
    IN_CHILD("setuid", NEED(setuid(1000)); show("real user"));
    IN_CHILD("keep", NEED(prctl(PR_SET_KEEPCAPS, 1)); NEED(setuid(1000)); show("kept");
             data[0].effective = 1 << CAP_CHOWN; SHOW(set()); show("raised"));
    IN_CHILD("drop", {
        NEED(get());
        data[0].permitted &= ~(1 << CAP_CHOWN);
        SHOW(set());
        data[0].effective &= ~(1 << CAP_CHOWN);
        SHOW(set());
        show("dropped");
        write_file("file", "");
        SHOW(chown("file", 1, 1));
        data[0].permitted |= 1 << CAP_CHOWN;
        SHOW(set());
    });
    IN_CHILD("ambient", {
        SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
        NEED(get());
        data[0].inheritable |= 1 << CAP_KILL;
        SHOW(set());
        SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
        SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
        SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0));
        SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 64, 0, 0));
        SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_KILL, 0, 0));
        SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
    });
    IN_CHILD("bounding", {
        SHOW(prctl(PR_CAPBSET_DROP, CAP_KILL));
        SHOW(prctl(PR_CAPBSET_READ, CAP_KILL));
        SHOW(prctl(PR_CAPBSET_DROP, 64));
        show("bounding");
        NEED(setuid(1000));
        SHOW(prctl(PR_CAPBSET_DROP, CAP_CHOWN));
    });
}
