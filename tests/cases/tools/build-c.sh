# A small project with make: headers, libraries static and shared, dependencies, parallel jobs.
# stderr: ignore
# needs: gcc make ar ldd
mkdir src; cd src
for i in 1 2 3 4; do printf 'int f%s(void) { return %s; }\n' $i $i >f$i.c; done
printf 'int f1(void), f2(void), f3(void), f4(void);\n#include <stdio.h>\nint main(void) { printf("%%d\\n", f1() + f2() + f3() + f4()); }\n' >main.c
printf 'all: static shared\nlibf.a: f1.o f2.o f3.o f4.o\n\t@$(AR) rcs $@ $^\nlibf.so: f1.c f2.c f3.c f4.c\n\t@$(CC) -shared -fPIC -o $@ $^\nstatic: main.o libf.a\n\t@$(CC) -o $@ $^\nshared: main.o libf.so\n\t@$(CC) -o $@ main.o -L. -lf -Wl,-rpath,.\n%%.o: %%.c\n\t@$(CC) -c -o $@ $<\n' >Makefile
make -j3; ./static; ./shared
make; touch f2.c; make -n | grep -c f2
ldd ./shared | grep -o 'libf.so => ./libf.so'
ar t libf.a | tr '\n' ' '; echo
LD_PRELOAD=./libf.so ./static
printf '#include <stdlib.h>\nint main(void) { abort(); }\n' >a.c; gcc a.c -o a; (ulimit -c 0; ./a) 2>/dev/null; echo $?
gcc -x c - -o b 2>&1 <<'X' | grep -c error
int main(void) { return x; }
X
