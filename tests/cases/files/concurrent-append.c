// Four processes append to one file and create in one folder: nothing is lost, each name goes to one.
// also: --directfs=false --overlay2=none
#include "case.h"

int main(void) {
    NEED(mkdir("d", 0755));
    for (int who = 0; who < 4; who++)
        if (NEED(fork()) == 0) {
            int fd = NEED(open("log", O_WRONLY | O_APPEND | O_CREAT, 0644)), won = 0;
            char line[17], name[20];
            for (int i = 0; i < 200; i++) {
                snprintf(line, sizeof line, "%c%014d\n", 'a' + who, i);
                NEED(write(fd, line, 16));
                snprintf(name, sizeof name, "d/%d", i);
                int created = open(name, O_CREAT | O_EXCL | O_WRONLY, 0644);
                won += created != -1;
                close(created);
            }
            _exit(won);
        }
    int status, won = 0;
    while (wait(&status) > 0) won += WEXITSTATUS(status);
    SHOW(won);
    struct stat stat;
    NEED(lstat("log", &stat));
    SHOW(stat.st_size);
    FILE *log = fopen("log", "r");
    char line[100];
    int next[4] = {0}, bad = 0;
    while (fgets(line, sizeof line, log)) {
        int who = line[0] - 'a';
        if (strlen(line) != 16 || who < 0 || who > 3 || atoi(line + 1) != next[who]++) bad++;
    }
    SHOW(bad);
    printf("%d %d %d %d\n", next[0], next[1], next[2], next[3]);
}
