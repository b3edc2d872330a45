// inotify(7): which events, in which order, for files and folders.
// also: --directfs=false --overlay2=none
#include "case.h"
#include <sys/inotify.h>
#include <sys/ioctl.h>

static int queue;

static void drain(const char *what) {
    char buffer[8192] __attribute__((aligned(8)));
    printf("%s:", what);
    ssize_t count = read(queue, buffer, sizeof buffer);
    if (count == -1) printf(" %s", errno_name(errno));
    uint32_t cookie = 0;
    for (char *at = buffer; at < buffer + count;) {
        struct inotify_event *event = (struct inotify_event *)at;
        printf(" [wd%d %x%s%s%s]", event->wd, event->mask, event->len ? " " : "", event->len ? event->name : "",
               event->cookie == 0 ? "" : event->cookie == cookie ? " same" : " cookie");
        cookie = event->cookie;
        at += sizeof *event + event->len;
    }
    printf("\n");
}

int main(void) {
    SHOW(inotify_init1(1));
    queue = NEED(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    NEED(mkdir("d", 0755));
    write_file("f", "");
    SHOW(inotify_add_watch(queue, "missing", IN_ALL_EVENTS));
    SHOW(inotify_add_watch(queue, "f", 0));
    SHOW(inotify_add_watch(0, "f", IN_ALL_EVENTS));
    SHOW(inotify_add_watch(queue, "f", IN_ONLYDIR | IN_OPEN));
    SHOW(inotify_add_watch(queue, "d", IN_ALL_EVENTS));
    SHOW(inotify_add_watch(queue, "f", IN_ALL_EVENTS));
    SHOW(inotify_add_watch(queue, "./f", IN_ALL_EVENTS));
    drain("nothing");
    write_file("f", "text");
    drain("write");
    print_file("f");
    drain("read");
    chmod("f", 0600);
    drain("chmod");
    write_file("d/x", "y");
    drain("create inside");
    rename("d/x", "d/z");
    drain("rename inside");
    rename("d/z", "out");
    drain("rename out");
    rename("out", "d/in");
    drain("rename in");
    link("d/in", "d/hard");
    drain("link");
    unlink("d/hard");
    drain("unlink");
    mkdir("d/sub", 0755);
    drain("mkdir");
    rmdir("d/sub");
    drain("rmdir");
    truncate("d/in", 0);
    drain("truncate");
    SHOW(inotify_add_watch(queue, "f", IN_ATTRIB | IN_MASK_ADD));
    unlink("f");
    drain("unlinked");
    unlink("d/in");
    rmdir("d");
    drain("folder removed");
    SHOW(inotify_rm_watch(queue, 1));
    NEED(mkdir("e", 0755));
    SHOW(inotify_add_watch(queue, "e", IN_CREATE | IN_ONESHOT));
    write_file("e/1", "");
    write_file("e/2", "");
    drain("one shot");
    int watch = SHOW(inotify_add_watch(queue, "e", IN_CREATE));
    write_file("e/3", "");
    int pending = 0;
    SHOW(ioctl(queue, FIONREAD, &pending));
    SHOW(pending);
    char small[10];
    SHOW(read(queue, small, sizeof small));
    struct pollfd query = {queue, POLLIN};
    SHOW(poll(&query, 1, 0));
    drain("created");
    // The same event twice in a row is one.
    int fd = NEED(open("e/3", O_WRONLY));
    SHOW(inotify_add_watch(queue, "e/3", IN_MODIFY));
    for (int i = 0; i < 5; i++) NEED(write(fd, "x", 1));
    drain("merged");
    SHOW(inotify_rm_watch(queue, watch));
    drain("removed watch");
    SHOW(inotify_rm_watch(queue, watch));
}
