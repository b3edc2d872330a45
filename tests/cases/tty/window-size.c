// SIGWINCH goes to the foreground group when the size changes, not when it is set to the same.
#include "case.h"
#include <pty.h>
#include <sys/ioctl.h>

static int report, ran;
static void handler(int signo) { ran++; }

int main(void) {
    int pair[2], go[2], master;
    NEED(pipe(pair));
    NEED(pipe(go));
    struct winsize size = {24, 80};
    pid_t child = forkpty(&master, NULL, NULL, &size);
    if (child == 0) {
        report = pair[1];
        signal(SIGWINCH, handler);
        char byte;
        dprintf(report, "r");
        for (int i = 0; i < 3; i++) {
            while (read(go[0], &byte, 1) == -1)
                ;
            struct winsize now;
            ioctl(0, TIOCGWINSZ, &now);
            dprintf(report, "%d signals %dx%d\n", ran, now.ws_row, now.ws_col);
        }
        _exit(0);
    }
    char byte;
    NEED(read(pair[0], &byte, 1));
    for (int i = 0; i < 3; i++) {
        // The second time it stays as it is.
        size.ws_col = 100;
        size.ws_row = i == 2 ? 50 : 24;
        SHOW(ioctl(master, TIOCSWINSZ, &size));
        NEED(write(go[1], "g", 1));
        do {
            NEED(read(pair[0], &byte, 1));
            putchar(byte);
        } while (byte != '\n');
    }
    reap("child", child);
}
