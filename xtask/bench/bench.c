/* Runs in the container: times a command, or single system calls.
 *
 * bench time COMMAND...   prints "ns N", the wall time of the command
 * bench calls             prints "NAME N", nanoseconds per call, for each call below
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec t;
	if (clock_gettime(CLOCK_MONOTONIC, &t))
		fail("clock_gettime");
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static int file;
static int to_child[2], from_child[2];
static char page[4096];

static void do_getpid(void) { getpid(); }
static void do_read1(void) { if (pread(file, page, 1, 0) != 1) fail("read"); }
static void do_pread4k(void) { if (pread(file, page, 4096, 0) != 4096) fail("pread"); }

static void do_stat(void)
{
	struct stat st;
	if (stat("/etc/passwd", &st))
		fail("stat");
}

static void do_open_close(void)
{
	int fd = open("/etc/passwd", O_RDONLY);
	if (fd < 0 || close(fd))
		fail("open");
}

static void do_mmap(void)
{
	void *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED || munmap(p, 65536))
		fail("mmap");
}

static void do_clock(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
}

static void do_fork(void)
{
	pid_t child = fork();
	if (child < 0)
		fail("fork");
	if (child == 0)
		_exit(0);
	if (waitpid(child, NULL, 0) != child)
		fail("waitpid");
}

static void *nothing(void *argument) { return argument; }

static void do_thread(void)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, nothing, NULL) || pthread_join(thread, NULL))
		fail("pthread_create");
}

static void do_pipe(void)
{
	char byte = 0;
	if (write(to_child[1], &byte, 1) != 1 || read(from_child[0], &byte, 1) != 1)
		fail("pipe");
}

/* The other end of the ping-pong, until the pipe is closed. */
static pid_t start_echo(void)
{
	if (pipe(to_child) || pipe(from_child))
		fail("pipe");
	pid_t child = fork();
	if (child < 0)
		fail("fork");
	if (child == 0) {
		char byte;
		close(to_child[1]);
		while (read(to_child[0], &byte, 1) == 1)
			if (write(from_child[1], &byte, 1) != 1)
				break;
		_exit(0);
	}
	close(to_child[0]);
	return child;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

enum { BATCHES = 9 };

static void report(const char *name, double *batches)
{
	qsort(batches, BATCHES, sizeof *batches, compare);
	printf("%s %.1f\n", name, batches[BATCHES / 2]);
	fflush(stdout);
}

/* Median over batches of about 20 ms each, after one batch to warm up. */
static void measure(const char *name, void (*call)(void))
{
	double batches[BATCHES], start = now();
	long rounds = 1;
	for (;;) {
		double begin = now();
		for (long i = 0; i < rounds; i++)
			call();
		if (now() - begin > 5e6 || now() - start > 1e9)
			break;
		rounds *= 2;
	}
	rounds *= 4;
	for (int b = 0; b < BATCHES; b++) {
		double begin = now();
		for (long i = 0; i < rounds; i++)
			call();
		batches[b] = (now() - begin) / rounds;
	}
	report(name, batches);
}

/* Anonymous memory without huge pages, touched once per page. */
static void measure_page_fault(void)
{
	enum { PAGES = 4096 };
	double batches[BATCHES];
	for (int b = 0; b < BATCHES; b++) {
		char *p = mmap(NULL, PAGES * 4096L, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			fail("mmap");
		madvise(p, PAGES * 4096L, MADV_NOHUGEPAGE);
		double begin = now();
		for (long i = 0; i < PAGES; i++)
			((volatile char *)p)[i * 4096] = 1;
		batches[b] = (now() - begin) / PAGES;
		munmap(p, PAGES * 4096L);
	}
	report("page-fault", batches);
}

static int calls(void)
{
	file = open("/etc/services", O_RDONLY);
	if (file < 0)
		file = open("/bin/sh", O_RDONLY);
	if (file < 0)
		fail("open");
	measure("getpid", do_getpid);
	measure("read-1", do_read1);
	measure("pread-4k", do_pread4k);
	measure("stat", do_stat);
	measure("open-close", do_open_close);
	measure("mmap-munmap", do_mmap);
	measure_page_fault();
	measure("clock_gettime", do_clock);
	measure("fork-exit-wait", do_fork);
	measure("thread", do_thread);
	pid_t echo = start_echo();
	measure("pipe-ping-pong", do_pipe);
	close(to_child[1]);
	waitpid(echo, NULL, 0);
	return 0;
}

static int timed(char **command)
{
	double begin = now();
	pid_t child = fork();
	if (child < 0)
		fail("fork");
	if (child == 0) {
		execvp(command[0], command);
		fail(command[0]);
	}
	int status;
	if (waitpid(child, &status, 0) != child)
		fail("waitpid");
	printf("ns %.0f\n", now() - begin);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "calls"))
		return calls();
	if (argc > 2 && !strcmp(argv[1], "time"))
		return timed(argv + 2);
	fprintf(stderr, "usage: bench calls | bench time COMMAND...\n");
	return 2;
}
