# cut, sort, uniq, join, paste, comm, tr, fold, nl, tac, rev, split, od, xargs.
seq 20 | sort -R --random-source=/dev/zero | sort -n | paste -sd,
printf 'b 2\na 1\nc 3\na 1\n' | sort | uniq -c
printf '1 a\n2 b\n' >l; printf '1 x\n2 y\n' >r; join l r; paste l r
comm <(seq 5) <(seq 3 7)
echo "hello world" | tr -d l | tr a-z A-Z | rev
seq 3 | tac; seq 12 | fold -w 5 | nl | head -3
seq 100 | split -l 30 - part.; wc -l part.*
printf 'a:b:c\n' | cut -d: -f2,3; printf 'abcdef' | cut -c2-4
printf '\001\377AB' | od -An -tx1; printf 'text' | base64; printf 'text' | sha256sum
seq 5 | head -n -2; seq 5 | tail -n +4; seq 1000000 | tail -1
expr 3 + 4; factor 360; numfmt --to=iec 1048576
printf 'x\ty\n' | expand | unexpand -a; echo a b c | xargs -n1 echo item
seq 10 | xargs -P4 -n2 sh -c 'echo $(($0 + $1))' | sort -n
