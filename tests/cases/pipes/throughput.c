// Two hundred megabytes through a pipe between processes arrive complete and in order.
#include "case.h"

int main(void) {
    static unsigned block[32768];
    int pair[2];
    NEED(pipe(pair));
    pid_t child = NEED(fork());
    if (child == 0) {
        close(pair[0]);
        unsigned next = 0;
        for (int round = 0; round < 200; round++) {
            for (int i = 0; i < 32768; i++) block[i] = next++;
            for (char *at = (char *)block; at < (char *)(block + 32768);) at += NEED(write(pair[1], at, (char *)(block + 32768) - at));
        }
        _exit(0);
    }
    close(pair[1]);
    unsigned next = 0, bad = 0;
    FILE *in = fdopen(pair[0], "r");
    while (fread(block, 4, 32768, in) == 32768)
        for (int i = 0; i < 32768; i++) bad += block[i] != next++;
    SHOW(next);
    SHOW(bad);
    reap("writer", child);
}
