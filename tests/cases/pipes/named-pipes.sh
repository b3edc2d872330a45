# FIFOs between programs: end of file, tee, both ends in one shell.
mkfifo f g
(echo one >f) & cat f; wait
(seq 1000 >f) & wc -l <f; wait
(tee g <f | wc -c) & (cat >/dev/null <g) & head -c 100000 /dev/zero >f; wait
stat -c %F f; [ -p f ] && echo fifo
(sleep 0.05; echo late >f) & read x <f; echo $x; wait
exec 4<>f; echo both >&4; read x <&4; echo $x
for i in 1 2 3 4; do (echo $i >f) & done; wait
for i in 1 2 3 4; do read x <&4; echo $x; done | sort
