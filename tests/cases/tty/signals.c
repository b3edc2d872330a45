// Keys that send signals, to the foreground group; flushes; NOFLSH (termios(3)).
#include "case.h"
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

int main(void) {
    int master, slave, status, ready[2];
    NEED(pipe(ready));
    pid_t child = forkpty(&master, NULL, NULL, NULL);
    if (child == 0) {
        for (;;) {
            pid_t worker = fork();
            if (worker == 0) {
                setpgid(0, 0);
                signal(SIGTTOU, SIG_IGN);
                tcsetpgrp(0, getpid());
                NEED(write(ready[1], "r", 1));
                for (;;) pause();
            }
            waitpid(worker, &status, WUNTRACED);
            char text[100] = {0};
            int length = WIFSTOPPED(status) ? snprintf(text, sizeof text, "S%02d", WSTOPSIG(status)) : snprintf(text, sizeof text, "K%02d", WTERMSIG(status));
            if (WIFSTOPPED(status)) kill(worker, SIGKILL);
            waitpid(worker, NULL, 0);
            NEED(write(ready[1], text, length));
        }
    }
    slave = -1;
    const char *keys[] = {"\003", "\034", "\032"};
    for (int i = 0; i < 3; i++) {
        char byte, text[10] = "";
        NEED(read(ready[0], &byte, 1));
        // What was typed before is shown already when the key throws it away.
        char screen[100];
        NEED(write(master, "typed", 5));
        for (ssize_t shown = 0; shown < 5;) shown += NEED(read(master, screen, sizeof screen));
        NEED(write(master, keys[i], 1));
        usleep(1000);
        ssize_t count = NEED(read(ready[0], text, 3));
        if (count < 3) NEED(read(ready[0], text + count, 3 - count));
        text[3] = 0;
        printf("key %d: %s\n", keys[i][0], text);
        count = NEED(read(master, screen, sizeof screen));
        printf("  screen %.*s\n", (int)count, screen);
    }
    kill(child, SIGKILL);
    reap("shell", child);
}
