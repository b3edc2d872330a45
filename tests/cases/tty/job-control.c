// Background groups: SIGTTIN, SIGTTOU, TOSTOP, orphaned groups (setpgid(2), termios(3)).
#include "case.h"
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

static int report;

static void background(const char *what, void (*action)(void)) {
    pid_t child = fork();
    int status;
    if (child == 0) {
        setpgid(0, 0);
        action();
        _exit(0);
    }
    setpgid(child, child);
    waitpid(child, &status, WUNTRACED);
    if (WIFSTOPPED(status)) {
        dprintf(report, "%s: stopped by %s\n", what, signal_name(WSTOPSIG(status)));
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
    } else {
        dprintf(report, "%s: %s %d\n", what, WIFEXITED(status) ? "exit" : "signal", WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    }
}

static char byte;
static void reads(void) { _exit(read(0, &byte, 1) == -1 ? errno : 0); }
static void reads_ignoring(void) {
    signal(SIGTTIN, SIG_IGN);
    reads();
}
static void writes(void) { _exit(write(0, "w", 1) == -1 ? errno : 0); }
static void writes_ignoring(void) {
    signal(SIGTTOU, SIG_IGN);
    writes();
}
static void sets(void) {
    struct termios t;
    tcgetattr(0, &t);
    _exit(tcsetattr(0, TCSANOW, &t) == -1 ? errno : 0);
}
static void takes(void) { _exit(tcsetpgrp(0, getpid()) == -1 ? errno : 0); }
static void takes_ignoring(void) {
    signal(SIGTTOU, SIG_IGN);
    takes();
}
static void gets_size(void) {
    struct winsize size;
    _exit(ioctl(0, TIOCGWINSZ, &size) == -1 ? errno : 0);
}

int main(void) {
    int pair[2], master;
    NEED(pipe(pair));
    pid_t session = forkpty(&master, NULL, NULL, NULL);
    if (session == 0) {
        report = pair[1];
        background("read", reads);
        background("read, ignoring", reads_ignoring);
        background("write", writes);
        background("attributes", sets);
        background("take the terminal", takes);
        background("take, ignoring", takes_ignoring);
        signal(SIGTTOU, SIG_IGN);
        tcsetpgrp(0, getpid());
        signal(SIGTTOU, SIG_DFL);
        background("window size", gets_size);
        struct termios t;
        tcgetattr(0, &t);
        t.c_lflag |= TOSTOP;
        tcsetattr(0, TCSANOW, &t);
        background("write with TOSTOP", writes);
        background("write with TOSTOP, ignoring", writes_ignoring);
        _exit(9);
    }
    close(pair[1]);
    char text[1000];
    ssize_t count;
    while ((count = read(pair[0], text, sizeof text)) > 0) fwrite(text, 1, count, stdout);
    reap("session", session);
}
