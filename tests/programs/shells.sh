for sh in dash bash; do $sh -c 'n=0; for i in $(seq 1000); do n=$(($n+$(echo 1))); done; echo $n
trap "echo usr1" USR1; kill -USR1 $$; trap - USR1
sleep 5 & p=$!; kill $p; wait $p 2>/dev/null; echo $?
cat <<X | while read a b; do echo "$b $a"; done
one two
three four
X
set -o pipefail 2>/dev/null && { false | true; echo $?; }; echo end'; done
