// memfd_create(2): names, seals, sizes.
#include "case.h"

int main(void) {
    char long_name[251];
    memset(long_name, 'n', 250);
    long_name[250] = 0;
    SHOW(memfd_create(long_name, 0));
    long_name[249] = 0;
    OK(memfd_create(long_name, 0));
    OK(memfd_create("", 0));
    SHOW(memfd_create(NULL, 0));
    SHOW(memfd_create("x", 0x100));
    int fd = NEED(memfd_create("name", MFD_ALLOW_SEALING | MFD_CLOEXEC));
    char path[64], text[100] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    NEED(readlink(path, text, sizeof text - 1));
    puts(text);
    struct stat stat;
    fstat(fd, &stat);
    printf("%o %ld %ld\n", stat.st_mode, (long)stat.st_size, (long)stat.st_nlink);
    SHOW(fcntl(fd, F_GETFD));
    SHOW(fcntl(fd, F_GET_SEALS));
    SHOW(write(fd, "hello", 5));
    SHOW(ftruncate(fd, 8192));
    char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    puts(shared);
    SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    SHOW(fcntl(fd, F_ADD_SEALS, 0x1000));
    SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    SHOW(ftruncate(fd, 9000));
    SHOW(pwrite(fd, "x", 1, 9000));
    SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
    SHOW(ftruncate(fd, 100));
    munmap(shared, 4096);
    SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    SHOW(pwrite(fd, "x", 1, 0));
    SHOW(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
    SHOW(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
    SHOW(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
    SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
    SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
    SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
    SHOW(fcntl(fd, F_GET_SEALS));
    int plain = NEED(memfd_create("plain", 0));
    SHOW(fcntl(plain, F_GET_SEALS));
    SHOW(fcntl(plain, F_ADD_SEALS, F_SEAL_WRITE));
    // A folder of tmpfs would know seals for every file.
    int file = NEED(open("/etc/passwd", O_RDONLY));
    SHOW(fcntl(file, F_GET_SEALS));
    int again = OK(open(path, O_RDONLY));
    SHOW(read(again, text, 5));
    IN_CHILD("exec from memory", {
        int script = NEED(memfd_create("script", 0));
        NEED(write(script, "#!/bin/echo ran\n", 16));
        char *args[] = {"x", NULL};
        snprintf(path, sizeof path, "/proc/self/fd/%d", script);
        NEED(dup2(script, 30));
        execl("/proc/self/fd/30", "x", NULL);
    });
    int sealed = NEED(memfd_create("future", MFD_ALLOW_SEALING));
    NEED(ftruncate(sealed, 4096));
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, sealed, 0);
    SHOW(fcntl(sealed, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
    strcpy(shared, "still");
    SHOW(write(sealed, "x", 1));
    print_file("/proc/self/fd/999");
}
