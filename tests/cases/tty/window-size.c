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
        for (int i = 0; i < 3; i++) {
            dprintf(report, "r");
            while (read(go[0], &byte, 1) == -1)
                ;
            struct winsize now;
            ioctl(0, TIOCGWINSZ, &now);
            dprintf(report, "[%d signals %dx%d]", ran, now.ws_row, now.ws_col);
        }
        _exit(0);
    }
    char text[100];
    NEED(read(pair[0], text, 1));
    size.ws_col = 100;
    SHOW(ioctl(master, TIOCSWINSZ, &size));
    sleep_ms(10);
    NEED(write(go[1], "g", 1));
    sleep_ms(10);
    SHOW(ioctl(master, TIOCSWINSZ, &size));
    sleep_ms(10);
    NEED(write(go[1], "g", 1));
    sleep_ms(10);
    size.ws_row = 50;
    SHOW(ioctl(master, TIOCSWINSZ, &size));
    sleep_ms(10);
    NEED(write(go[1], "g", 1));
    reap("child", child);
    ssize_t count = read(pair[0], text, sizeof text);
    printf("%.*s\n", (int)count, text);
}
