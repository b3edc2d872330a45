// posix_spawn(3): errors by return value, attributes and file actions.
#include "case.h"
#include <spawn.h>

extern char **environ;

static pid_t child;

// The child may print before the parent does, so the result is printed when it is reaped.
#define SPAWN(call)                                    \
    do {                                               \
        int result = call;                             \
        if (result == 0) reap("spawned", child);       \
        printf("%s = %s\n", #call, errno_name(result)); \
    } while (0)

int main(void) {
    char *sh[] = {"sh", "-c", "echo out; echo err >&2; exit 3", NULL};
    SPAWN(posix_spawn(&child, "/missing", NULL, NULL, sh, environ));
    SPAWN(posix_spawn(&child, "/bin/sh", NULL, NULL, sh, environ));
    SPAWN(posix_spawnp(&child, "sh", NULL, NULL, sh, environ));

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "output", O_WRONLY | O_CREAT, 0644);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    SPAWN(posix_spawn(&child, "/bin/sh", &actions, NULL, sh, environ));
    print_file("output");
    posix_spawn_file_actions_addopen(&actions, 5, "/missing/file", O_RDONLY, 0);
    SPAWN(posix_spawn(&child, "/bin/sh", &actions, NULL, sh, environ));

    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    posix_spawnattr_setsigmask(&attributes, &set);
    signal(SIGUSR2, SIG_IGN);
    sigaddset(&set, SIGUSR2);
    posix_spawnattr_setsigdefault(&attributes, &set);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    char *show[] = {"sh", "-c", "grep -E '^Sig(Blk|Ign)' /proc/self/status; test $(cut -d' ' -f5 /proc/$$/stat) = $$ && echo group leader", NULL};
    SPAWN(posix_spawn(&child, "/bin/sh", NULL, &attributes, show, environ));
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    SPAWN(posix_spawn(&child, "/bin/true", NULL, &attributes, sh, environ));
}
