# A small program of several files built by make in parallel, with libraries, then run.
# needs: make ar gcc g++
# timeout: 60
for i in 1 2 3 4 5 6; do printf 'int f%d(int x) { return x * %d; }\n' $i $i >f$i.c; done
printf '#include <stdio.h>\n%s\nint main(void) { printf("%%d\\n", %s); return 3; }\n' "$(for i in 1 2 3 4 5 6; do echo "int f$i(int);"; done)" 'f1(1)+f2(1)+f3(1)+f4(1)+f5(1)+f6(1)' >main.c
printf 'OBJ = f1.o f2.o f3.o f4.o f5.o f6.o\nall: prog static\nprog: main.o libf.so\n\t$(CC) -o $@ main.o -L. -lf -Wl,-rpath,$(CURDIR)\nstatic: main.o libf.a\n\t$(CC) -static -o $@ $^\nlibf.so: $(OBJ)\n\t$(CC) -shared -o $@ $^\nlibf.a: $(OBJ)\n\tar rcs $@ $^\n%%.o: %%.c\n\t@$(CC) -O1 -fPIC -c -o $@ $<\n' >Makefile
make -s -j4 && ./prog; echo $?; ./static; echo $?; make -q && echo up to date; touch f3.c; make -n | grep -c f3.c
printf 'int main(void) { return undefined(); }\n' >bad.c; gcc -Werror=implicit-function-declaration -c bad.c 2>/dev/null; echo $?
printf '#include <iostream>\n#include <vector>\nint main() { std::vector<int> v{3, 1}; try { v.at(9); } catch (std::exception &e) { std::cout << "caught " << v.size() << std::endl; } }\n' >x.cc; g++ -o x x.cc && ./x
