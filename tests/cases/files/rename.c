// rename(2) over files, folders, links, and into oneself.
// also: --directfs=false --overlay2=none
#include "case.h"

int main(void) {
    write_file("a", "a");
    write_file("b", "b");
    SHOW(rename("a", "b"));
    print_file("b");
    SHOW(rename("a", "c"));
    SHOW(rename("b", "b"));
    NEED(mkdir("d", 0755));
    NEED(mkdir("e", 0755));
    SHOW(rename("b", "d"));
    SHOW(rename("d", "b"));
    SHOW(rename("d", "e"));
    SHOW(rename("d", "e"));
    write_file("e/inside", "i");
    NEED(mkdir("d", 0755));
    SHOW(rename("d", "e"));
    SHOW(rename("e", "e/sub"));
    SHOW(rename("e", "e/inside/x"));
    SHOW(rename("e/inside", "e"));
    SHOW(rename("e/.", "x"));
    SHOW(rename("e/..", "x"));
    SHOW(rename(".", "x"));
    SHOW(rename("e", "d/."));
    SHOW(rename("e/", "f/"));
    print_file("f/inside");
    SHOW(rename("b", "g/"));
    SHOW(rename("b/", "g"));
    symlink("b", "s");
    SHOW(rename("s", "t"));
    print_file("t");
    SHOW(rename("b", "t"));
    struct stat stat;
    NEED(lstat("t", &stat));
    printf("%o\n", stat.st_mode & S_IFMT);
    // Two names of one file: nothing happens.
    NEED(link("t", "u"));
    SHOW(rename("t", "u"));
    SHOW(access("t", F_OK));
    // An open file keeps its contents when it is replaced.
    int fd = NEED(open("t", O_RDONLY));
    write_file("v", "new");
    SHOW(rename("v", "t"));
    char byte = 0;
    SHOW(read(fd, &byte, 1));
    printf("%c\n", byte);
    SHOW(fstat(fd, &stat));
    printf("links %ld\n", (long)stat.st_nlink);
    SHOW(rename("", "x"));
    SHOW(rename("t", ""));
}
