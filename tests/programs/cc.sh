cd "$WORK"; mkdir cc; cd cc; for i in 1 2 3 4; do echo "int f$i(int x){return x*$i;}" > f$i.c; done; cat > main.c <<'X'
#include <stdio.h>
#include <pthread.h>
int f1(int),f2(int),f3(int),f4(int); static void*t(void*a){return (void*)((long)a*2);}
int main(){pthread_t p;void*r;pthread_create(&p,0,t,(void*)21);pthread_join(p,&r);printf("%d %ld\n",f1(1)+f2(2)+f3(3)+f4(4),(long)r);}
X
printf 'main: main.o f1.o f2.o f3.o f4.o\n\tgcc -pthread -o $@ $^\n' > Makefile; make -s -j2 && ./main; gcc -static -pthread main.c f*.c -o s && ./s; echo '#include <iostream>
int main(){std::cout<<"c++"<<std::endl;try{throw 1;}catch(int i){std::cout<<i<<"\n";}}' > a.cc; g++ a.cc -o a && ./a
