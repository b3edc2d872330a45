// Names and paths: lengths, dots, slashes, depth.
// also: --directfs=false --overlay2=none
#include "case.h"

int main(void) {
    char path[5000];
    NEED(mkdir("d", 0755));
    write_file("d/f", "x");
    SHOW(access("d//f", F_OK));
    SHOW(access("./d/././f", F_OK));
    SHOW(access("d/../d/f", F_OK));
    SHOW(access("d/f/..", F_OK));
    SHOW(access("d/f/.", F_OK));
    SHOW(access("missing/../d", F_OK));
    SHOW(access("//", F_OK));
    SHOW(access("/..", F_OK));
    memset(path, '/', sizeof path);
    strcpy(path + 4094, "d");
    SHOW(access(path, F_OK));
    strcpy(path + 4092, "tmp");
    SHOW(access(path, F_OK));
    memset(path, 'n', 256);
    path[255] = 0;
    SHOW(mkdir(path, 0755));
    path[255] = 'n', path[256] = 0;
    SHOW(mkdir(path, 0755));
    SHOW(access(path, F_OK));
    for (int i = 0; i < 2048; i++) memcpy(path + 2 * i, "./", 2);
    path[4095] = 0;
    SHOW(access(path, F_OK));
    path[4095] = '/', path[4096] = 0;
    SHOW(access(path, F_OK));
    // Bytes that are no UTF-8.
    SHOW(mkdir("\xff\xfe\x01", 0755));
    SHOW(access("\xff\xfe\x01", F_OK));
    SHOW(mkdir("new\nline", 0755));
    // A tree deeper than PATH_MAX.
    NEED(chdir("d"));
    memset(path, 'p', 200);
    path[200] = 0;
    for (int i = 0; i < 25; i++) {
        NEED(mkdir(path, 0755));
        NEED(chdir(path));
    }
    static char long_path[10000];
    SHOW(syscall(SYS_getcwd, long_path, sizeof long_path));
    write_file("deep", "d");
    print_file("deep");
    for (int i = 0; i < 25; i++) NEED(chdir(".."));
    SHOW(access("f", F_OK));
    SHOW(syscall(SYS_getcwd, path, 3));
    SHOW(syscall(SYS_getcwd, path, 0));
    SHOW(syscall(SYS_getcwd, 8, 100));
}
