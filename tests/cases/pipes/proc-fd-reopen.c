// /proc/self/fd of a pipe: its name, and opening it again.
#include "case.h"

int main(void) {
    int pair[2];
    char path[40], text[40] = "";
    NEED(pipe(pair));
    snprintf(path, sizeof path, "/proc/self/fd/%d", pair[0]);
    NEED(readlink(path, text, sizeof text - 1));
    IS(strncmp(text, "pipe:[", 6) == 0);
    struct stat stat_pair, stat_path;
    NEED(fstat(pair[0], &stat_pair));
    NEED(stat(path, &stat_path));
    IS(stat_pair.st_ino == stat_path.st_ino);
    int writer = OK(open(path, O_WRONLY));
    SHOW(write(writer, "x", 1));
    SHOW(read(pair[0], text, 10));
    close(pair[1]);
    close(writer);
    SHOW(read(pair[0], text, 10));
    snprintf(path, sizeof path, "/dev/fd/%d", pair[0]);
    OK(open(path, O_RDONLY | O_NONBLOCK));
}
