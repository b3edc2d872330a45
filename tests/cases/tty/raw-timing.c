// Reads without lines: VMIN and VTIME (termios(3)).
#include "case.h"
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

static int master, slave;

static void mode(int min, int time) {
    struct termios t;
    tcgetattr(slave, &t);
    cfmakeraw(&t);
    t.c_cc[VMIN] = min;
    t.c_cc[VTIME] = time;
    NEED(tcsetattr(slave, TCSANOW, &t));
    printf("min %d time %d\n", min, time);
}

static void later(const char *text, int ms) {
    if (NEED(fork()) == 0) {
        sleep_ms(ms);
        NEED(write(master, text, strlen(text)));
        _exit(0);
    }
}

int main(void) {
    char text[100];
    NEED(openpty(&master, &slave, NULL, NULL, NULL));
    mode(0, 0);
    SHOW(read(slave, text, 10));
    NEED(write(master, "abc", 3));
    SHOW(read(slave, text, 2));
    SHOW(read(slave, text, 10));
    mode(0, 1);
    long start = now_ms();
    SHOW(read(slave, text, 10));
    IS(now_ms() - start >= 95);
    mode(0, 100);
    later("x", 20);
    SHOW(read(slave, text, 10));
    mode(3, 0);
    later("a", 10);
    later("bc", 30);
    SHOW(read(slave, text, 10));
    mode(5, 1);
    later("a", 10);
    SHOW(read(slave, text, 10));
    int count = -1;
    NEED(write(master, "hello", 5));
    // The line discipline takes its time on Linux.
    for (int i = 0; i < 100 && count != 5; i++) {
        sleep_ms(1);
        NEED(ioctl(slave, FIONREAD, &count));
    }
    SHOW(ioctl(slave, FIONREAD, &count));
    SHOW(count);
    SHOW(tcflush(slave, TCIFLUSH));
    SHOW(ioctl(slave, FIONREAD, &count));
    SHOW(count);
    while (wait(NULL) > 0)
        ;
}
