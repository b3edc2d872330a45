# sed: addresses, in place, hold space, writing files, running commands.
printf 'one 1\ntwo 2\nthree 3\n' >f
sed -n '2p' f; sed 's/o/0/g;$d' f; sed -i.bak '1s/.*/first/' f; cat f f.bak; sed -n '/two/,$p' f; sed 'a\after' f | wc -l; sed '1!G;h;$!d' f
sed -n 's/.* \([0-9]\)/\1/w out' f; cat out; sed '1e echo executed' f
seq 100000 | sed -n '$='
