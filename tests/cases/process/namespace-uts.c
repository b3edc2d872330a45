// A UTS namespace of one's own (uts_namespaces(7)).
#include "case.h"
#include <sys/utsname.h>

int main(void) {
    char host[65], name[65];
    NEED(gethostname(host, sizeof host));
    IN_CHILD("own namespace", {
        SHOW(unshare(CLONE_NEWUTS));
        SHOW(sethostname("inner", 5));
        SHOW(setdomainname("domain", 6));
        gethostname(name, sizeof name);
        puts(name);
        IN_CHILD("inherits", gethostname(name, sizeof name); puts(name));
        struct utsname uts;
        uname(&uts);
        printf("%s %s\n", uts.nodename, uts.domainname);
        print_file("/proc/sys/kernel/hostname");
        SHOW(sethostname(name, -1));
        SHOW(sethostname(name, 65));
        SHOW(sethostname((char *)8, 5));
        SHOW(gethostname(name, 3));
    });
    NEED(gethostname(name, sizeof name));
    SHOW(strcmp(host, name));
    IN_CHILD("user", BECOME(1000); SHOW(sethostname("x", 1)); SHOW(unshare(CLONE_NEWUTS)); SHOW(unshare(CLONE_NEWNS)); SHOW(unshare(CLONE_NEWPID)));
}
