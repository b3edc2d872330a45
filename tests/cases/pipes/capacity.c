// How much a pipe holds, atomic writes, sizes (pipe(7)).
#include "case.h"

int main(void) {
    static char block[70000];
    int pair[2], total = 0;
    NEED(pipe2(pair, O_NONBLOCK));
    SHOW(write(pair[1], block, sizeof block));
    SHOW(write(pair[1], block, 1));
    SHOW(read(pair[0], block, 4095));
    SHOW(write(pair[1], block, 4096));
    SHOW(read(pair[0], block, 1));
    SHOW(write(pair[1], block, 4096));
    SHOW(write(pair[1], block, 5000));
    while (read(pair[0], block, sizeof block) > 0)
        ;
    // One byte per write does not take one page each.
    while (write(pair[1], "x", 1) == 1) total++;
    SHOW(total);
    while (read(pair[0], block, sizeof block) > 0)
        ;
    SHOW(fcntl(pair[1], F_SETPIPE_SZ, 4096));
    SHOW(write(pair[1], block, 5000));
    SHOW(fcntl(pair[1], F_SETPIPE_SZ, 10000));
    SHOW(write(pair[1], block, 50000));
    SHOW(fcntl(pair[1], F_SETPIPE_SZ, 4096));
    SHOW(fcntl(pair[1], F_SETPIPE_SZ, 0));
    SHOW(fcntl(pair[1], F_SETPIPE_SZ, -1));
    IN_CHILD("user", BECOME(1000); SHOW(fcntl(pair[1], F_SETPIPE_SZ, 2 << 20)));
    // Writers up to PIPE_BUF are not mixed.
    NEED(pipe(pair));
    for (int who = 0; who < 3; who++)
        if (NEED(fork()) == 0) {
            char line[1000];
            memset(line, 'a' + who, sizeof line);
            for (int i = 0; i < 100; i++) NEED(write(pair[1], line, sizeof line));
            _exit(0);
        }
    close(pair[1]);
    int mixed = 0, lines = 0;
    FILE *in = fdopen(pair[0], "r");
    while (fread(block, 1, 1000, in) == 1000) {
        lines++;
        for (int i = 1; i < 1000; i++) mixed += block[i] != block[0];
    }
    SHOW(lines);
    SHOW(mixed);
}
