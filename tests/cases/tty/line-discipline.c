// The canonical line: editing, echo, end of file, special characters (termios(3)).
#include "case.h"
#include <pty.h>
#include <termios.h>

static int master, slave;

static void show(const char *what, int fd) {
    char text[300];
    int flags = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    ssize_t count = read(fd, text, sizeof text);
    printf("  %s:", what);
    if (count == -1) printf(" %s", errno_name(errno));
    for (ssize_t i = 0; i < count; i++)
        if (text[i] >= ' ' && text[i] < 127)
            printf("%c", text[i]);
        else
            printf("\\%o", (unsigned char)text[i]);
    puts("");
    fcntl(fd, F_SETFL, flags);
}

static void type(const char *keys, int length) {
    printf("typed %d\n", length);
    NEED(write(master, keys, length));
    show("reads", slave);
    show("screen", master);
}
#define TYPE(keys) type(keys, sizeof keys - 1)

int main(void) {
    NEED(openpty(&master, &slave, NULL, NULL, NULL));
    signal(SIGTTOU, SIG_IGN);
    TYPE("half");
    TYPE(" line\n");
    TYPE("abc\177\177x\n");
    TYPE("word another\027third\n");
    TYPE("killed\025kept\n");
    TYPE("carriage return\r");
    TYPE("tab\tq\177\177\n");
    TYPE("\004");
    TYPE("part\004");
    TYPE("\026\003quoted\n");
    TYPE("again\022!\n");
    TYPE("one\ntwo\nthree\n");
    show("second line", slave);
    show("third line", slave);
    TYPE("\001\033[A\n");
    struct termios t;
    tcgetattr(slave, &t);
    t.c_lflag &= ~ECHO;
    tcsetattr(slave, TCSANOW, &t);
    TYPE("secret\n");
    t.c_lflag |= ECHONL;
    tcsetattr(slave, TCSANOW, &t);
    TYPE("secret\n");
    t.c_lflag |= ECHO;
    t.c_iflag |= INLCR | IUCLC | ISTRIP;
    t.c_iflag &= ~ICRNL;
    t.c_oflag |= OLCUC;
    tcsetattr(slave, TCSANOW, &t);
    TYPE("MiXed\n");
    t.c_iflag = ICRNL;
    t.c_oflag = 0;
    tcsetattr(slave, TCSANOW, &t);
    NEED(write(slave, "a\nb\n", 4));
    show("no output processing", master);
    t.c_oflag = OPOST | ONLCR | TABDLY;
    tcsetattr(slave, TCSANOW, &t);
    NEED(write(slave, "a\tb\nc\r\n", 7));
    show("tabs as blanks", master);
    t.c_lflag &= ~ICANON;
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    tcsetattr(slave, TCSANOW, &t);
    show("the rest of an unfinished line", slave);
    TYPE("x");
    TYPE("\177\004");
}
