// tcgetattr, tcsetattr: the values of a new terminal, changes, errors (termios(3)).
#include "case.h"
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

int main(void) {
    int master, slave;
    NEED(openpty(&master, &slave, NULL, NULL, NULL));
    struct termios t;
    SHOW(tcgetattr(slave, &t));
    printf("%o %o %o %o speed %o %o\n", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag, cfgetispeed(&t), cfgetospeed(&t));
    for (int i = 0; i < 17; i++) printf(" %d", t.c_cc[i]);
    puts("");
    cfmakeraw(&t);
    SHOW(tcsetattr(slave, TCSANOW, &t));
    SHOW(tcgetattr(master, &t));
    printf("%o %o %o %o\n", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag);
    SHOW(tcsetattr(slave, 9, &t));
    SHOW(tcgetattr(0, &t));
    SHOW(tcdrain(slave));
    SHOW(tcsendbreak(slave, 0));
    struct termio old;
    SHOW(ioctl(slave, TCGETA, &old));
    printf("%o %o %o %o %d %d\n", old.c_iflag, old.c_oflag, old.c_cflag, old.c_lflag, old.c_line, old.c_cc[VMIN]);
    old.c_lflag |= ECHO;
    old.c_cc[VINTR] = 7;
    SHOW(ioctl(slave, TCSETAF, &old));
    SHOW(tcgetattr(slave, &t));
    printf("%o %d\n", t.c_lflag, t.c_cc[VINTR]);
    SHOW(ioctl(slave, TCSETA, 8));
    struct winsize size = {9, 9, 9, 9};
    SHOW(ioctl(slave, TIOCGWINSZ, &size));
    printf("%d %d\n", size.ws_row, size.ws_col);
    size = (struct winsize){25, 81, 3, 4};
    SHOW(ioctl(master, TIOCSWINSZ, &size));
    memset(&size, 0, sizeof size);
    SHOW(ioctl(slave, TIOCGWINSZ, &size));
    printf("%d %d %d %d\n", size.ws_row, size.ws_col, size.ws_xpixel, size.ws_ypixel);
    SHOW(ioctl(0, TIOCGWINSZ, &size));
    SHOW(ioctl(slave, TIOCGWINSZ, 8));
    SHOW(ioctl(slave, 0x9999, 0));
    int line = -1;
    SHOW(ioctl(slave, TIOCGETD, &line));
    SHOW(line);
    SHOW(ioctl(slave, TIOCEXCL, 0));
    SHOW(ioctl(slave, TIOCNXCL, 0));
}
