// exit(2) ends a thread, exit_group(2) the process; the status is that of the group.
#include "case.h"
#include <pthread.h>

static void *exits_group(void *unused) {
    sleep_ms(20);
    _exit(21);
}

static void *returns(void *unused) {
    sleep_ms(20);
    return NULL;
}

static int gate[2];
static void *returns_later(void *unused) {
    char byte;
    NEED(read(gate[0], &byte, 1));
    return NULL;
}

static void *kills(void *unused) {
    sleep_ms(20);
    kill(getpid(), SIGTERM);
    pause();
    return NULL;
}

static void *prints(void *unused) {
    await_state(getpid(), 'Z');
    puts("the main thread is gone");
    FILE *status = fopen("/proc/self/status", "r");
    char line[200];
    while (fgets(line, sizeof line, status))
        if (strncmp(line, "State:", 6) == 0 || strncmp(line, "Threads:", 8) == 0) printf("%s", line);
    return NULL;
}

static void start(void *(*function)(void *)) {
    pthread_t thread;
    pthread_create(&thread, NULL, function, NULL);
}

int main(void) {
    IN_CHILD("another thread exits", start(exits_group); for (;;) pause());
    IN_CHILD("spinning main thread", start(exits_group); for (;;));
    IN_CHILD("main thread returns", start(returns); pthread_exit(NULL));
    IN_CHILD("main thread gone", start(prints); syscall(SYS_exit, 5));
    IN_CHILD("killed", start(kills); for (;;) pause());
    IN_CHILD("many", for (int i = 0; i < 50; i++) start(returns); start(exits_group); syscall(SYS_exit, 1));
    // No status until the last thread is gone.
    NEED(pipe(gate));
    pid_t child = NEED(fork());
    if (child == 0) {
        start(returns_later);
        syscall(SYS_exit, 6);
    }
    await_state(child, 'Z');
    SHOW(waitpid(child, NULL, WNOHANG));
    NEED(write(gate[1], "g", 1));
    reap("leader first", child);
}
