# Many processes at once through xargs, with files in a shared folder.
# timeout: 60
seq 200 | xargs -P8 -I{} sh -c 'echo {} >f{}'
ls f* | wc -l; cat f* | awk '{s += $1} END {print s}'
find . -name 'f*' -print0 | xargs -0 -P4 -n10 rm; ls | wc -l
seq 3 | xargs -n1 sh -c 'exit $0'; echo $?
