# A thousand subshells, and nesting.
# timeout: 60
sum=0
for i in $(seq 1000); do sum=$((sum + $(echo $i))); done
echo $sum
for i in $(seq 200); do (exit $((i % 3))); count=$((count + $?)); done
echo $count
n() { [ $1 -eq 0 ] && echo bottom || (n $(($1 - 1))); }
n 30
