// Two thousand timer signals into a mix of system calls and computation lose no register and no result.
#include "case.h"

static volatile long ticks;
static void tick(int signo) {
    int saved = errno;
    ticks++;
    syscall(SYS_getppid);
    errno = saved;
}

int main(void) {
    struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval timer = {{0, 250}, {0, 250}};
    setitimer(ITIMER_REAL, &timer, NULL);
    pid_t self = getpid();
    long wrong = 0, rounds = 0;
    int fd = NEED(open("/dev/zero", O_RDONLY));
    char buffer[64];
    long end = now_ms() + 700;
    // A slow machine takes longer.
    while (now_ms() < end || ((ticks <= 100 || rounds <= 100) && now_ms() < end + 15000)) {
        unsigned long hash = rounds;
        for (int i = 0; i < 100; i++) hash = hash * 6364136223846793005UL + 1;
        unsigned long again = rounds;
        for (int i = 0; i < 100; i++) {
            again = again * 6364136223846793005UL + 1;
            if (i % 10 == 0 && syscall(SYS_getpid) != self) wrong++;
        }
        if (hash != again) wrong++;
        memset(buffer, 1, sizeof buffer);
        if (read(fd, buffer, sizeof buffer) != sizeof buffer || buffer[63]) wrong++;
        rounds++;
    }
    SHOW(wrong);
    IS(ticks > 100);
    IS(rounds > 100);
}
