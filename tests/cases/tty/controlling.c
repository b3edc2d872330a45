// The controlling terminal: taking, /dev/tty, losing, hang-up (ioctl_tty(2)).
#include "case.h"
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

static void handler(int signo) { printf("%s\n", signal_name(signo)); }

int main(void) {
    int master, slave;
    NEED(openpty(&master, &slave, NULL, NULL, NULL));
    IN_CHILD("no leader", setpgid(0, 0); SHOW(ioctl(slave, TIOCSCTTY, 0)));
    IN_CHILD("leader", {
        NEED(setsid());
        SHOW(open("/dev/tty", O_RDWR));
        SHOW(tcgetpgrp(slave));
        SHOW(ioctl(slave, TIOCSCTTY, 0));
        SHOW(ioctl(slave, TIOCSCTTY, 0));
        IS(tcgetpgrp(slave) == getpid());
        IS(tcgetsid(slave) == getpid());
        int tty = OK(open("/dev/tty", O_RDWR));
        SHOW(write(tty, "to the terminal", 15));
        char text[100];
        SHOW(read(master, text, sizeof text));
        IN_CHILD("in its session", OK(open("/dev/tty", O_RDWR)); IS(tcgetsid(slave) == getppid()));
        IN_CHILD("in another", NEED(setsid()); SHOW(open("/dev/tty", O_RDWR)); SHOW(ioctl(slave, TIOCSCTTY, 0)); SHOW(tcgetpgrp(slave)));
        SHOW(tcsetpgrp(slave, 999999));
        SHOW(tcsetpgrp(slave, getppid()));
        signal(SIGHUP, handler);
        signal(SIGCONT, handler);
        SHOW(ioctl(slave, TIOCNOTTY, 0));
        SHOW(open("/dev/tty", O_RDWR));
        SHOW(tcgetpgrp(slave));
    });
    IN_CHILD("by opening", {
        NEED(setsid());
        OK(open(ptsname(master), O_RDWR));
        OK(open("/dev/tty", O_RDWR));
    });
    // The end of the leader hangs up the terminal.
    int ready[2];
    NEED(pipe(ready));
    pid_t leader = NEED(fork());
    if (leader == 0) {
        NEED(setsid());
        NEED(ioctl(slave, TIOCSCTTY, 0));
        if (NEED(fork()) == 0) {
            signal(SIGHUP, SIG_DFL);
            pause();
            _exit(1);
        }
        NEED(write(ready[1], "r", 1));
        sleep_ms(10);
        _exit(0);
    }
    close(ready[1]);
    char byte;
    NEED(read(ready[0], &byte, 1));
    reap("leader", leader);
    // The end of file comes when the foreground process died of SIGHUP.
    SHOW(read(ready[0], &byte, 1));
    SHOW(write(slave, "x", 1));
}
