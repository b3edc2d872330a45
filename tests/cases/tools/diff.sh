# diff, cmp, sdiff, diff3.
# needs: diff cmp sdiff diff3
seq 20 >a; sed '5d;10s/$/x/;15i\new' a >b
diff a b; echo $?; diff -u a b | tail -n +3; cmp a b; echo $?; cmp a a && echo equal
diff -q a b; mkdir x y; echo 1 >x/f; echo 2 >y/f; touch x/only; diff -r x y; sdiff -s a b | head -3; diff3 a a b | head -2
