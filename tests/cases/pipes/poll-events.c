// What poll(2) says about each end of a pipe.
#include "case.h"

static void show(const char *what, int fd) {
    struct pollfd query = {fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0};
    int result = poll(&query, 1, 0);
    printf("%s: %d %x\n", what, result, query.revents);
}

int main(void) {
    static char block[65536];
    int pair[2];
    NEED(pipe2(pair, O_NONBLOCK));
    show("empty, read end", pair[0]);
    show("empty, write end", pair[1]);
    NEED(write(pair[1], block, 1));
    show("one byte, read end", pair[0]);
    show("one byte, write end", pair[1]);
    while (write(pair[1], block, 4096) > 0)
        ;
    show("full, write end", pair[1]);
    NEED(read(pair[0], block, 4095));
    show("almost full, write end", pair[1]);
    NEED(read(pair[0], block, 4097));
    show("a page free, write end", pair[1]);
    int copy = dup(pair[0]);
    close(pair[0]);
    show("a reader left", pair[1]);
    close(copy);
    show("no reader", pair[1]);
    NEED(pipe(pair));
    NEED(write(pair[1], block, 1));
    close(pair[1]);
    show("no writer, one byte", pair[0]);
    NEED(read(pair[0], block, 1));
    show("no writer", pair[0]);
    show("closed", 99);
    show("negative", -5);
    show("folder", NEED(open(".", O_RDONLY)));
    show("file", NEED(open("file", O_RDWR | O_CREAT, 0644)));
    NEED(mkfifo("fifo", 0644));
    int fifo = NEED(open("fifo", O_RDONLY | O_NONBLOCK));
    show("FIFO never written", fifo);
    int writer = NEED(open("fifo", O_WRONLY));
    show("FIFO with a writer", fifo);
    close(writer);
    show("FIFO left by its writer", fifo);
}
