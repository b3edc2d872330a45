// Mappings of files: coherence with read and write, growth, truncation, partial pages (mmap(2)).
#include "case.h"
#include <setjmp.h>

static sigjmp_buf back;
static void handler(int signo, siginfo_t *info, void *context) { siglongjmp(back, signo); }

static void touch(const char *what, volatile char *at) {
    int signo = sigsetjmp(back, 1);
    if (signo)
        printf("%s: %s\n", what, signal_name(signo));
    else
        printf("%s: %d\n", what, *at);
}

int main(void) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
    int fd = NEED(open("file", O_RDWR | O_CREAT, 0644));
    NEED(write(fd, "hello", 5));
    char *shared = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *private = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    touch("in the file", shared);
    touch("rest of the page", shared + 5);
    touch("next page", shared + 4096);
    memcpy(shared, "HELLO", 5);
    print_file("file");
    printf("private %.5s\n", private);
    NEED(pwrite(fd, "J", 1, 0));
    printf("%.5s %.5s\n", shared, private);
    private[1] = 'x';
    NEED(pwrite(fd, "YYYY", 4, 1));
    printf("%.5s %.5s\n", shared, private);
    print_file("file");
    // Beyond the end of the file: stored in the page, not in the file.
    shared[100] = 'z';
    struct stat stat;
    fstat(fd, &stat);
    SHOW(stat.st_size);
    NEED(ftruncate(fd, 8192));
    touch("grown", shared + 4096);
    shared[4096] = 'g';
    NEED(ftruncate(fd, 3));
    touch("cut off", shared + 4096);
    touch("in the last page", shared + 4);
    touch("private copy cut off", private + 4096);
    touch("private copy in the last page", private + 1);
    NEED(ftruncate(fd, 8192));
    touch("zero after growing again", shared + 4096);
    touch("zero in the first page", shared + 4);
    // The mapping outlives the descriptor and the name.
    close(fd);
    unlink("file");
    shared[0] = 'k';
    touch("unlinked", shared);
    // An offset.
    write_file("second", "");
    fd = NEED(open("second", O_RDWR));
    NEED(pwrite(fd, "page one", 8, 4096));
    char *offset = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 4096);
    printf("%.8s\n", offset);
    // Writes through a descriptor opened read-only may not reach the file.
    int read_only = NEED(open("second", O_RDONLY));
    char *mapped = mmap(NULL, 4096, PROT_READ, MAP_SHARED, read_only, 0);
    SHOW(mprotect(mapped, 4096, PROT_READ | PROT_WRITE));
    SHOW(mprotect(offset, 4096, PROT_READ | PROT_WRITE));
}
