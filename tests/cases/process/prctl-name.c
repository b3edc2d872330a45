// Names of tasks: 15 bytes, inherited by fork and threads, set by exec (PR_SET_NAME(2const)).
#include "case.h"
#include <pthread.h>
#include <sys/prctl.h>

static void show(const char *who) {
    char name[16], file[64] = "", path[64];
    prctl(PR_GET_NAME, name);
    snprintf(path, sizeof path, "/proc/self/task/%d/comm", gettid());
    int fd = NEED(open(path, O_RDONLY));
    NEED(read(fd, file, sizeof file - 1));
    close(fd);
    printf("%s: \"%s\" file \"%.*s\"\n", who, name, (int)strcspn(file, "\n"), file);
}

static void *thread(void *unused) {
    show("thread");
    pthread_setname_np(pthread_self(), "worker");
    show("thread renamed");
    return NULL;
}

int main(int argc, char **argv) {
    if (argc > 1) {
        char name[16];
        prctl(PR_GET_NAME, name);
        printf("after exec: \"%s\"\n", name);
        return 0;
    }
    SHOW(prctl(PR_SET_NAME, "a name that is much too long"));
    show("main");
    SHOW(prctl(PR_SET_NAME, ""));
    show("empty");
    SHOW(prctl(PR_SET_NAME, "with (parens) \n"));
    SHOW(prctl(PR_SET_NAME, 8));
    SHOW(prctl(PR_GET_NAME, 8));
    prctl(PR_SET_NAME, "leader");
    IN_CHILD("fork", show("child"));
    pthread_t id;
    pthread_create(&id, NULL, thread, NULL);
    pthread_join(id, NULL);
    show("main");
    CODE(pthread_setname_np(pthread_self(), "sixteen bytes ok"));
    int fd = NEED(open("/proc/self/comm", O_WRONLY));
    SHOW(write(fd, "from the file system", 20));
    show("written");
    NEED(symlink("/proc/self/exe", "a-link-with-a-long-name"));
    char self[300] = "";
    NEED(readlink("/proc/self/exe", self, sizeof self - 1));
    NEED(symlink(self, "another-link-with-a-long-name"));
    execl("./another-link-with-a-long-name", "zero", "x", NULL);
}
