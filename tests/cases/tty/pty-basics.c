// Pseudoterminals: opening, locking, names, kinds (pty(7), ptmx(4)).
#include "case.h"
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <termios.h>

int main(void) {
    int master = OK(open("/dev/ptmx", O_RDWR | O_NOCTTY));
    char *name = ptsname(master);
    IS(strncmp(name, "/dev/pts/", 9) == 0);
    SHOW(open(name, O_RDWR | O_NOCTTY));
    SHOW(grantpt(master));
    SHOW(unlockpt(master));
    int slave = OK(open(name, O_RDWR | O_NOCTTY));
    SHOW(isatty(master));
    SHOW(isatty(slave));
    char path[100];
    CODE(ttyname_r(slave, path, sizeof path));
    IS(strcmp(path, name) == 0);
    struct stat stat;
    NEED(fstat(slave, &stat));
    // What else the mode has is an option of the mount.
    printf("%o major %d\n", stat.st_mode & ~0077, major(stat.st_rdev));
    int number = -1;
    SHOW(ioctl(master, TIOCGPTN, &number));
    IS(number == atoi(name + 9));
    SHOW(ioctl(slave, TIOCGPTN, &number));
    char text[100];
    SHOW(write(slave, "out\n", 4));
    SHOW(read(master, text, sizeof text));
    for (int i = 0; i < 5; i++) printf(" %d", text[i]);
    puts("");
    SHOW(write(master, "in\n", 3));
    SHOW(read(slave, text, sizeof text));
    SHOW(read(master, text, sizeof text));
    SHOW(lseek(slave, 0, SEEK_CUR));
    SHOW(isatty(0));
    SHOW(isatty(99));
    int pair[2];
    NEED(pipe(pair));
    SHOW(isatty(pair[0]));
    puts(errno_name(errno));
    int peer = OK(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY));
    SHOW(isatty(peer));
    close(peer);
    close(slave);
    SHOW(read(master, text, sizeof text));
    struct pollfd query = {master, POLLIN | POLLOUT};
    SHOW(poll(&query, 1, 0));
    printf("%x\n", query.revents);
    // Opened again: works again.
    slave = OK(open(name, O_RDWR | O_NOCTTY));
    SHOW(write(slave, "x", 1));
    SHOW(read(master, text, sizeof text));
    close(master);
    SHOW(read(slave, text, sizeof text));
    SHOW(write(slave, "x", 1));
    query = (struct pollfd){slave, POLLIN | POLLOUT};
    SHOW(poll(&query, 1, 0));
    printf("%x\n", query.revents);
    SHOW(open(path, O_RDWR));
}
