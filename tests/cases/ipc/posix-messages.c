// POSIX message queues (mq_overview(7)).
#include "case.h"
#include <mqueue.h>
#include <sys/mount.h>

#define NAME "/lazaret-test"

static void attributes(mqd_t queue) {
    struct mq_attr now;
    mq_getattr(queue, &now);
    printf("flags %ld, %ld messages of %ld bytes, %ld in it\n", now.mq_flags, now.mq_maxmsg, now.mq_msgsize, now.mq_curmsgs);
}

static void status(mqd_t queue) {
    char text[200] = "";
    printf("read = %zd ", pread(queue, text, sizeof text - 1, 0));
    char *owner = strstr(text, "NOTIFY_PID:");
    bool mine = owner && atoi(owner + 11) == getpid();
    if (owner) *owner = 0;
    printf("%s owner %s\n", text, mine ? "mine" : "not mine");
}

static void receive(mqd_t queue) {
    char text[8192] = "";
    unsigned priority = 7;
    errno = 0;
    ssize_t length = mq_receive(queue, text, sizeof text, &priority);
    printf("received %zd %s \"%.*s\" priority %u\n", length, errno_name(length < 0 ? errno : 0), length < 0 ? 0 : (int)length, text, priority);
}

static volatile sig_atomic_t told;
static siginfo_t info;
static void handler(int signal, siginfo_t *what, void *context) {
    told++;
    info = *what;
}

static _Atomic int thread_told;
static void on_thread(union sigval value) { thread_told = value.sival_int; }

int main(void) {
    mq_unlink(NAME);
    SHOW(mq_open(NAME, O_RDWR));
    SHOW(mq_open("no-slash", O_RDWR));
    SHOW(mq_open("/a/b", O_RDWR | O_CREAT, 0600, NULL));
    SHOW(mq_open("/", O_RDWR | O_CREAT, 0600, NULL));
    SHOW(syscall(SYS_mq_open, "..", O_RDWR | O_CREAT, 0600, NULL));
    char longest[300];
    memset(longest, 'x', sizeof longest);
    longest[0] = '/';
    longest[260] = 0;
    SHOW(mq_open(longest, O_RDWR | O_CREAT, 0600, NULL));
    struct mq_attr size = {.mq_maxmsg = 0, .mq_msgsize = 10};
    SHOW(mq_open(NAME, O_RDWR | O_CREAT, 0600, &size));
    size.mq_maxmsg = 1 << 20;
    SHOW(mq_open(NAME, O_RDWR | O_CREAT, 0600, &size));
    size.mq_maxmsg = 3;
    umask(022);
    mqd_t queue = mq_open(NAME, O_RDWR | O_CREAT | O_EXCL, 0666, &size);
    SHOW(queue >= 0);
    SHOW(fcntl(queue, F_GETFD));
    SHOW(mq_open(NAME, O_RDWR | O_CREAT | O_EXCL, 0600, &size));
    attributes(queue);
    struct stat stat;
    SHOW(fstat(queue, &stat));
    printf("mode %o, size %ld, links %ld\n", stat.st_mode, (long)stat.st_size, (long)stat.st_nlink);
    status(queue);
    SHOW(write(queue, "x", 1));
    SHOW(lseek(queue, 0, SEEK_END));
    SHOW(lseek(queue, 0, SEEK_SET));

    struct pollfd poll_queue = {queue, POLLIN | POLLOUT, 0};
    SHOW(poll(&poll_queue, 1, 0));
    SHOW(poll_queue.revents);
    SHOW(mq_send(queue, "low", 3, 1));
    SHOW(mq_send(queue, "high", 4, 32767));
    SHOW(mq_send(queue, "none", 4, 32768));
    SHOW(mq_send(queue, "too long for it", 15, 1));
    SHOW(mq_send(queue, "low again", 9, 1));
    attributes(queue);
    status(queue);
    SHOW(poll(&poll_queue, 1, 0));
    SHOW(poll_queue.revents);
    struct timespec past = {1, 0}, bad = {1, -1};
    SHOW(mq_timedsend(queue, "x", 1, 0, &past));
    SHOW(mq_timedsend(queue, "x", 1, 0, &bad));
    struct mq_attr nonblocking = {.mq_flags = O_NONBLOCK}, before, wrong = {.mq_flags = O_APPEND};
    SHOW(mq_setattr(queue, &nonblocking, &before));
    SHOW(before.mq_flags);
    SHOW(mq_setattr(queue, &wrong, NULL));
    SHOW(fcntl(queue, F_GETFL) & O_NONBLOCK);
    SHOW(mq_send(queue, "x", 1, 0));
    char few[5];
    SHOW(mq_receive(queue, few, sizeof few, NULL));
    for (int i = 0; i < 4; i++) receive(queue);

    mqd_t reader = mq_open(NAME, O_RDONLY), writer = mq_open(NAME, O_WRONLY);
    SHOW(mq_send(reader, "x", 1, 0));
    SHOW(mq_receive(writer, longest, sizeof longest, NULL));
    SHOW(mq_getattr(STDIN_FILENO, &before));
    SHOW(mq_getattr(-1, &before));

    puts("blocking");
    pid_t child = fork();
    if (child == 0) {
        // Empty, so it sleeps until the parent sends.
        receive(reader);
        SHOW(mq_send(queue, "", 0, 5));
        _exit(0);
    }
    sleep_ms(50);
    mq_send(writer, "to child", 8, 3);
    reap("child", child);
    nonblocking.mq_flags = 0;
    mq_setattr(queue, &nonblocking, NULL);
    while (wait(NULL) > 0) {}
    receive(queue);
    receive(queue == reader ? queue : (mq_setattr(reader, &(struct mq_attr){.mq_flags = O_NONBLOCK}, NULL), reader));
    SHOW(mq_timedreceive(queue, longest, sizeof longest, NULL, &past));

    puts("told by a signal");
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 42};
    SHOW(mq_notify(queue, &event));
    SHOW(mq_notify(queue, &event));
    status(queue);
    SHOW(mq_send(queue, "one", 3, 0));
    SHOW(told);
    printf("signal %d code %d value %d from %s\n", info.si_signo, info.si_code, info.si_value.sival_int, info.si_pid == getpid() ? "me" : "another");
    SHOW(mq_send(queue, "two", 3, 0));
    SHOW(told);
    SHOW(mq_notify(queue, &event));
    SHOW(mq_send(queue, "three", 5, 0));
    SHOW(told);
    for (int i = 0; i < 3; i++) receive(queue);
    SHOW(mq_notify(queue, NULL));
    SHOW(mq_notify(queue, NULL));
    SHOW(mq_send(queue, "four", 4, 0));
    SHOW(told);
    receive(queue);
    event.sigev_signo = 1000;
    SHOW(mq_notify(queue, &event));
    event.sigev_notify = 77;
    SHOW(mq_notify(queue, &event));
    event.sigev_notify = SIGEV_NONE;
    SHOW(mq_notify(queue, &event));
    status(queue);
    IN_CHILD("another process", SHOW(mq_notify(queue, &event)); SHOW(mq_notify(queue, NULL)));
    status(queue);
    SHOW(mq_close(writer));
    status(queue);

    puts("told by a thread");
    event.sigev_notify = SIGEV_THREAD;
    event.sigev_notify_function = on_thread;
    event.sigev_notify_attributes = NULL;
    event.sigev_value.sival_int = 77;
    SHOW(mq_notify(queue, &event));
    SHOW(mq_send(queue, "five", 4, 0));
    for (int i = 0; i < 10000 && !thread_told; i++) usleep(1000);
    SHOW(thread_told);
    receive(queue);

    puts("ends");
    SHOW(mq_unlink(NAME));
    SHOW(mq_unlink(NAME));
    SHOW(fstat(queue, &stat));
    SHOW(stat.st_nlink);
    SHOW(mq_send(queue, "still", 5, 0));
    receive(queue);
    SHOW(mq_close(queue));
    SHOW(mq_close(queue));

    struct rlimit limit = {1000, 1000};
    mq_unlink(NAME);
    setrlimit(RLIMIT_MSGQUEUE, &limit);
    size.mq_maxmsg = 10;
    size.mq_msgsize = 100;
    SHOW(mq_open(NAME, O_RDWR | O_CREAT, 0600, &size));
}
