# Pipelines: statuses, order of ends, large data.
echo one two three | tr ' ' '\n' | sort -r | head -2
false | true; echo "$? ${PIPESTATUS[*]}"
set -o pipefail; false | true; echo $?; set +o pipefail
yes | head -3
seq 100000 | awk '{s += $1} END {print s}'
(exit 3) | (exit 4); echo "${PIPESTATUS[*]}"
yes | sh -c 'exit 0'; echo "${PIPESTATUS[*]}"
head -c 3000000 /dev/zero | tr '\0' x | md5sum
echo a | { read x; echo "got $x"; }
! true; echo $?
cat <(echo left) <(echo right)
echo out | tee >(cat >tee.txt) | cat; until [ -s tee.txt ]; do sleep 0.01; done; cat tee.txt
