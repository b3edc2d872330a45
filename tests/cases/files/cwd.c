// chdir(2), fchdir(2), getcwd(2) in folders that move or vanish.
// also: --directfs=false --overlay2=none
#include "case.h"

int main(void) {
    char base[300], now[300];
    NEED(getcwd(base, sizeof base) ? 0 : -1);
    NEED(mkdir("a", 0755));
    NEED(mkdir("a/b", 0755));
    write_file("file", "");
    SHOW(chdir("missing"));
    SHOW(chdir("file"));
    SHOW(chdir(""));
    SHOW(chdir("a/b"));
    int here = NEED(open(".", O_RDONLY | O_DIRECTORY));
    NEED(rename("../../a", "../../moved"));
    NEED(getcwd(now, sizeof now) ? 0 : -1);
    puts(now + strlen(base));
    SHOW(rmdir("../b"));
    SHOW(getcwd(now, sizeof now) ? 0 : -1);
    SHOW(open("x", O_CREAT | O_RDWR, 0644));
    SHOW(mkdir("x", 0755));
    SHOW(access(".", F_OK));
    SHOW(access("..", F_OK));
    SHOW(chdir("."));
    SHOW(chdir(".."));
    NEED(getcwd(now, sizeof now) ? 0 : -1);
    puts(now + strlen(base));
    SHOW(fchdir(here));
    SHOW(fchdir(99));
    int file = NEED(open("../../file", O_RDONLY));
    SHOW(fchdir(file));
    SHOW(chdir(base));
    int path = NEED(open("moved", O_PATH));
    SHOW(fchdir(path));
    char link[300] = "";
    NEED(readlink("/proc/self/cwd", link, sizeof link - 1));
    puts(link + strlen(base));
    struct stat stat;
    SHOW(fstat(here, &stat));
    printf("links %ld\n", (long)stat.st_nlink);
}
