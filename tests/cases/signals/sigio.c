// Signals of readiness (O_ASYNC, F_SETOWN, F_SETSIG) and of changes in a directory (F_NOTIFY); see fcntl(2).
#include "case.h"
#include <pty.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>

static volatile sig_atomic_t count, last, reason, band, from_fd;

static void handler(int signal, siginfo_t *info, void *context) {
    count++;
    last = signal;
    reason = info->si_code;
    band = signal == SIGIO ? 0 : info->si_band;
    from_fd = signal == SIGIO ? -1 : info->si_fd;
}

static int expected_fd;
static void told(const char *what) {
    for (int i = 0; i < 20 && !count; i++) usleep(5000);
    if (count)
        printf("%s: told by %s, code %d, band %x, %s\n", what, signal_name(last), reason == SI_KERNEL ? 128 : reason, band,
               from_fd == -1 ? "no file" : from_fd == expected_fd ? "the file" : "another file");
    else
        printf("%s: not told\n", what);
    count = 0;
}

static void ask(int fd, int signal) {
    expected_fd = fd;
    SHOW(fcntl(fd, F_SETSIG, signal));
    SHOW(fcntl(fd, F_SETOWN, getpid()));
    IS(fcntl(fd, F_GETOWN) == getpid());
    SHOW(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC));
    IS(fcntl(fd, F_GETFL) & O_ASYNC);
}

int main(void) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGIO, &action, NULL);
    sigaction(SIGRTMIN + 3, &action, NULL);
    int fds[2];
    char text[100];

    puts("pipe");
    pipe(fds);
    SHOW(fcntl(fds[0], F_GETOWN));
    SHOW(fcntl(fds[0], F_SETFL, O_ASYNC));
    write(fds[1], "x", 1);
    told("nobody named");
    read(fds[0], text, 1);
    ask(fds[0], 0);
    write(fds[1], "x", 1);
    told("write");
    read(fds[0], text, 1);
    told("read");
    SHOW(fcntl(fds[0], F_SETSIG, SIGRTMIN + 3));
    write(fds[1], "x", 1);
    told("write with F_SETSIG");
    SHOW(fcntl(fds[0], F_SETSIG, 65));
    SHOW(fcntl(fds[0], F_GETSIG) == SIGRTMIN + 3);
    int copy = dup(fds[0]);
    IS(fcntl(copy, F_GETFL) & O_ASYNC);
    SHOW(fcntl(fds[0], F_SETFL, 0));
    write(fds[1], "x", 1);
    told("after O_ASYNC");
    ask(fds[0], 0);
    close(fds[1]);
    told("last writer");
    close(fds[0]);
    close(copy);

    puts("owner");
    pipe(fds);
    pid_t child = fork();
    if (child == 0) {
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, NULL);
        write(fds[1], "r", 1);
        int signal;
        sigemptyset(&all);
        sigaddset(&all, SIGIO);
        sigwait(&all, &signal);
        printf("child: %s\n", signal_name(signal));
        _exit(0);
    }
    read(fds[0], text, 1);
    SHOW(fcntl(fds[0], F_SETOWN, child));
    SHOW(fcntl(fds[0], F_SETFL, O_ASYNC));
    write(fds[1], "x", 1);
    reap("child", child);
    SHOW(fcntl(fds[0], F_GETOWN));
    SHOW(fcntl(fds[0], F_SETOWN, -getpgrp()));
    SHOW(syscall(SYS_fcntl, fds[0], F_GETOWN, 0) < 0);
    SHOW(fcntl(fds[0], F_SETOWN, 0x3ffffff));
    struct f_owner_ex owner = {F_OWNER_TID, gettid()};
    SHOW(fcntl(fds[0], F_SETOWN_EX, &owner));
    write(fds[1], "x", 1);
    told("thread");
    SHOW(fcntl(fds[0], F_GETOWN_EX, &owner));
    IS(owner.type == F_OWNER_TID && owner.pid == gettid());
    SHOW(fcntl(fds[0], F_SETOWN, 0));
    write(fds[1], "x", 1);
    told("nobody");

    puts("writer");
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    ask(fds[1], SIGRTMIN + 3);
    while (write(fds[1], text, sizeof text) > 0) {}
    told("full");
    static char much[1 << 16];
    read(fds[0], much, sizeof much);
    told("drained");
    int on = 0;
    SHOW(ioctl(fds[1], FIOASYNC, &on));
    IS(!(fcntl(fds[1], F_GETFL) & O_ASYNC));
    on = 1;
    SHOW(ioctl(fds[1], FIOASYNC, &on));
    IS(fcntl(fds[1], F_GETFL) & O_ASYNC);

    puts("socket");
    socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
    ask(fds[0], SIGRTMIN + 3);
    write(fds[1], "x", 1);
    told("arrives");

    puts("terminal");
    int master, slave;
    openpty(&master, &slave, NULL, NULL, NULL);
    ask(slave, SIGRTMIN + 3);
    write(master, "line\n", 5);
    told("input");
    ask(master, 0);
    write(slave, "out", 3);
    told("output");

    puts("inotify");
    mkdir("watched", 0755);
    int notify = inotify_init();
    inotify_add_watch(notify, "watched", IN_CREATE);
    ask(notify, SIGRTMIN + 3);
    write_file("watched/one", "");
    told("event");

    puts("others");
    int file = open("file", O_RDWR | O_CREAT, 0600);
    SHOW(fcntl(file, F_SETFL, O_ASYNC));
    IS(fcntl(file, F_GETFL) & O_ASYNC);
    SHOW(ioctl(file, FIOASYNC, &on));
    SHOW(fcntl(file, F_NOTIFY, DN_CREATE));

    puts("directory");
    int directory = open("watched", O_RDONLY);
    expected_fd = directory;
    SHOW(fcntl(directory, F_SETSIG, SIGRTMIN + 3));
    SHOW(fcntl(directory, F_NOTIFY, DN_CREATE));
    IS(fcntl(directory, F_GETOWN) == getpid());
    write_file("watched/two", "");
    told("created");
    write_file("watched/three", "");
    told("once only");
    SHOW(fcntl(directory, F_NOTIFY, DN_MULTISHOT | DN_DELETE));
    unlink("watched/two");
    told("deleted");
    unlink("watched/three");
    told("deleted again");
    write_file("watched/four", "");
    told("created, which was not asked for");
    SHOW(fcntl(directory, F_NOTIFY, DN_MULTISHOT | DN_RENAME | DN_ATTRIB | DN_MODIFY | DN_ACCESS));
    chmod("watched/four", 0600);
    told("mode");
    write_file("watched/four", "text");
    told("written");
    int four = open("watched/four", O_RDONLY);
    read(four, text, 4);
    told("read");
    rename("watched/four", "watched/five");
    told("renamed");
    count = 0;
    SHOW(fcntl(directory, F_NOTIFY, 0));
    unlink("watched/five");
    told("no more");
}
