// What the C cases share: printing results so that the first difference names the call.
//
// Nothing that differs between two runs may be printed: no addresses, process ids, times or sizes of this machine.
// Output is not buffered, so that forked processes never repeat it.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

__attribute__((constructor)) static void case_unbuffered(void) { setvbuf(stdout, NULL, _IONBF, 0); }

static inline const char *errno_name(int code) {
    if (code == 0) return "0";
    const char *name = strerrorname_np(code);
    return name ? name : "E?";
}

static inline long case_show(const char *text, long value, int error) {
    if (value == -1 && error)
        printf("%s = -1 %s\n", text, errno_name(error));
    else
        printf("%s = %ld\n", text, value);
    return value;
}

static inline long case_ok(const char *text, long value, int error) {
    if (value == -1 && error)
        printf("%s = -1 %s\n", text, errno_name(error));
    else
        printf("%s = ok\n", text);
    return value;
}

// Prints the call and its result, or its error's name.
#define SHOW(call)                                                                                     \
    ({                                                                                                 \
        errno = 0;                                                                                     \
        long case_result = (long)(call);                                                               \
        case_show(#call, case_result, errno);                                                          \
    })
// The same for results that differ from run to run, as descriptors and process ids: prints "ok".
#define OK(call)                                                                                       \
    ({                                                                                                 \
        errno = 0;                                                                                     \
        long case_result = (long)(call);                                                               \
        case_ok(#call, case_result, errno);                                                            \
    })
// For functions that return the error, as pthread_*.
#define CODE(call) printf("%s = %s\n", #call, errno_name(call))
// Prints a condition that must hold on both sides.
#define IS(condition) printf("%s: %s\n", #condition, (condition) ? "yes" : "no")

// Preparation that must work: ends the case where it does not.
#define NEED(call)                                                                                     \
    ({                                                                                                 \
        long case_value = (long)(call);                                                                \
        if (case_value == -1) {                                                                        \
            printf("%s:%d: %s: %s\n", __FILE_NAME__, __LINE__, #call, errno_name(errno));               \
            _exit(99);                                                                                 \
        }                                                                                              \
        case_value;                                                                                    \
    })

static inline const char *signal_name(int number) {
    static __thread char text[16];
    const char *name = sigabbrev_np(number);
    if (name) return name;
    snprintf(text, sizeof text, number >= SIGRTMIN && number <= SIGRTMAX ? "RT+%d" : "%d",
             number >= SIGRTMIN && number <= SIGRTMAX ? number - SIGRTMIN : number);
    return text;
}

static inline void print_status(const char *who, int status) {
    if (WIFEXITED(status))
        printf("%s: exit %d\n", who, WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        printf("%s: killed by %s\n", who, signal_name(WTERMSIG(status)));
    else if (WIFSTOPPED(status))
        printf("%s: stopped by %s\n", who, signal_name(WSTOPSIG(status)));
    else if (WIFCONTINUED(status))
        printf("%s: continued\n", who);
    else
        printf("%s: status %x\n", who, status);
}

// Waits for one child and prints how it ended.
static inline void reap(const char *who, pid_t pid) {
    int status;
    if (waitpid(pid, &status, 0) == -1)
        printf("%s: wait: %s\n", who, errno_name(errno));
    else
        print_status(who, status);
}

// Runs the statements in a child and prints how it ended.
#define IN_CHILD(who, ...)                                                                             \
    do {                                                                                               \
        pid_t case_child = NEED(fork());                                                               \
        if (case_child == 0) {                                                                         \
            __VA_ARGS__;                                                                               \
            _exit(0);                                                                                  \
        }                                                                                              \
        reap(who, case_child);                                                                         \
    } while (0)

static inline void sleep_ms(long ms) {
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&time, &time) == -1 && errno == EINTR)
        ;
}

// Waits until /proc tells this state of a process or thread: 'S' once it sleeps in a call, 'Z' once it has ended.
static inline void await_state(pid_t id, char state) {
    char path[32], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", id);
    for (int i = 0; i < 15000; i++) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t count = fd == -1 ? -1 : read(fd, text, sizeof text - 1);
        if (fd != -1) close(fd);
        text[count < 0 ? 0 : count] = 0;
        // The name in parentheses may hold anything.
        const char *name_end = strrchr(text, ')');
        if (name_end && name_end[1] == ' ' && name_end[2] == state) return;
        sleep_ms(1);
    }
    printf("process is never in state %c\n", state);
}

// Milliseconds of the monotonic clock.
static inline long now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static inline void write_file(const char *path, const char *text) {
    int fd = NEED(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));
    NEED(write(fd, text, strlen(text)));
    close(fd);
}

// Prints what a file holds, in quotes, or the error.
static inline void print_file(const char *path) {
    char text[4096];
    int fd = open(path, O_RDONLY);
    ssize_t count = fd == -1 ? -1 : read(fd, text, sizeof text - 1);
    if (count == -1)
        printf("%s: %s\n", path, errno_name(errno));
    else
        printf("%s: \"%.*s\"\n", path, (int)count, text);
    if (fd != -1) close(fd);
}

// Becomes user and group `id` with no capabilities and no other groups.
#define BECOME(id)                                                                                     \
    do {                                                                                               \
        NEED(syscall(SYS_setgroups, 0, NULL));                                                         \
        NEED(setresgid(id, id, id));                                                                   \
        NEED(setresuid(id, id, id));                                                                   \
    } while (0)
