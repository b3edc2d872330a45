// renameat2(2): NOREPLACE, EXCHANGE, and combinations.
// also: --directfs=false --overlay2=none
#include "case.h"

int main(void) {
    write_file("a", "a");
    write_file("b", "b");
    NEED(mkdir("d", 0755));
    write_file("d/x", "x");
    SHOW(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE));
    SHOW(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE));
    SHOW(renameat2(AT_FDCWD, "c", AT_FDCWD, "b", RENAME_EXCHANGE));
    print_file("b");
    print_file("c");
    SHOW(renameat2(AT_FDCWD, "c", AT_FDCWD, "d", RENAME_EXCHANGE));
    print_file("c/x");
    print_file("d");
    SHOW(renameat2(AT_FDCWD, "c", AT_FDCWD, "missing", RENAME_EXCHANGE));
    SHOW(renameat2(AT_FDCWD, "c", AT_FDCWD, "c/x", RENAME_EXCHANGE));
    SHOW(renameat2(AT_FDCWD, "b", AT_FDCWD, "d", RENAME_NOREPLACE | RENAME_EXCHANGE));
    SHOW(renameat2(AT_FDCWD, "b", AT_FDCWD, "d", 64));
    int folder = NEED(open("c", O_RDONLY | O_DIRECTORY));
    SHOW(renameat2(folder, "x", AT_FDCWD, "y", 0));
    SHOW(renameat(99, "x", AT_FDCWD, "y"));
    SHOW(renameat(AT_FDCWD, "y", folder, "z"));
    print_file("c/z");
}
