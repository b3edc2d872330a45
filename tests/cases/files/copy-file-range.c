// copy_file_range(2): offsets, overlap, kinds of files.
// also: --directfs=false --overlay2=none
#include "case.h"

int main(void) {
    write_file("from", "0123456789");
    int from = NEED(open("from", O_RDWR)), to = NEED(open("to", O_RDWR | O_CREAT, 0644)), pair[2];
    SHOW(copy_file_range(from, NULL, to, NULL, 4, 0));
    SHOW(copy_file_range(from, NULL, to, NULL, 100, 0));
    SHOW(copy_file_range(from, NULL, to, NULL, 100, 0));
    print_file("to");
    off_t in = 2, out = 20;
    SHOW(copy_file_range(from, &in, to, &out, 3, 0));
    printf("%ld %ld\n", (long)in, (long)out);
    SHOW(lseek(from, 0, SEEK_CUR));
    struct stat stat;
    fstat(to, &stat);
    SHOW(stat.st_size);
    in = 0, out = 5;
    SHOW(copy_file_range(from, &in, from, &out, 5, 0));
    in = 0, out = 3;
    SHOW(copy_file_range(from, &in, from, &out, 5, 0));
    print_file("from");
    SHOW(copy_file_range(from, &in, to, &out, 1, 1));
    NEED(pipe(pair));
    SHOW(copy_file_range(pair[0], NULL, to, NULL, 1, 0));
    SHOW(copy_file_range(from, NULL, pair[1], NULL, 1, 0));
    int folder = NEED(open(".", O_RDONLY)), read_only = NEED(open("to", O_RDONLY)), append = NEED(open("to", O_WRONLY | O_APPEND));
    SHOW(copy_file_range(folder, NULL, to, NULL, 1, 0));
    in = 0;
    SHOW(copy_file_range(from, &in, read_only, NULL, 1, 0));
    SHOW(copy_file_range(from, &in, append, NULL, 1, 0));
    SHOW(copy_file_range(append, NULL, to, NULL, 1, 0));
    SHOW(copy_file_range(from, (off_t *)8, to, NULL, 1, 0));
}
