// O_DIRECT pipes keep packets apart (pipe(2)).
#include "case.h"

int main(void) {
    char text[100];
    int pair[2];
    NEED(pipe2(pair, O_DIRECT | O_NONBLOCK));
    SHOW(write(pair[1], "one", 3));
    SHOW(write(pair[1], "second", 6));
    SHOW(write(pair[1], "third", 5));
    SHOW(read(pair[0], text, 100));
    SHOW(read(pair[0], text, 2));
    SHOW(read(pair[0], text, 100));
    SHOW(read(pair[0], text, 100));
    static char big[10000];
    SHOW(write(pair[1], big, sizeof big));
    SHOW(read(pair[0], big, sizeof big));
    SHOW(read(pair[0], big, sizeof big));
    SHOW(read(pair[0], big, sizeof big));
}
