// personality(2): read, change, inheritance.
#include "case.h"
#include <sys/personality.h>

int main(int argc, char **argv) {
    if (argc > 1) {
        printf("after exec %x\n", personality(0xffffffff));
        return 0;
    }
    SHOW(personality(0xffffffff));
    SHOW(personality(ADDR_NO_RANDOMIZE));
    SHOW(personality(0xffffffff));
    IN_CHILD("child", SHOW(personality(0xffffffff)));
    IN_CHILD("exec", execl("/proc/self/exe", "case", "x", NULL));
    SHOW(personality(0));
}
