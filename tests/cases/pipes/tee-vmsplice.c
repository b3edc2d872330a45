// tee(2) copies without taking; vmsplice(2) gives memory.
#include "case.h"

int main(void) {
    char text[100] = "";
    int one[2], two[2];
    NEED(pipe2(one, O_NONBLOCK));
    NEED(pipe2(two, O_NONBLOCK));
    SHOW(tee(one[0], two[1], 10, 0));
    NEED(write(one[1], "hello", 5));
    NEED(write(one[1], "world", 5));
    SHOW(tee(one[0], two[1], 7, 0));
    SHOW(read(two[0], text, 100));
    printf("%.7s\n", text);
    SHOW(read(one[0], text, 100));
    printf("%.10s\n", text);
    SHOW(tee(one[0], one[1], 10, 0));
    SHOW(tee(one[0], two[1], 0, 0));
    SHOW(tee(0, two[1], 10, 0));
    struct iovec vector[2] = {{"first", 5}, {"second", 6}};
    SHOW(vmsplice(one[1], vector, 2, 0));
    SHOW(read(one[0], text, 100));
    printf("%.11s\n", text);
    NEED(write(one[1], "back", 4));
    vector[0] = (struct iovec){text, 2};
    vector[1] = (struct iovec){text + 50, 10};
    SHOW(vmsplice(one[0], vector, 2, 0));
    printf("%.2s %.2s\n", text, text + 50);
    SHOW(vmsplice(0, vector, 2, 0));
    SHOW(vmsplice(99, vector, 2, 0));
    vector[0].iov_base = (void *)8;
    SHOW(vmsplice(one[1], vector, 1, 0));
    close(one[1]);
    SHOW(tee(one[0], two[1], 10, 0));
}
