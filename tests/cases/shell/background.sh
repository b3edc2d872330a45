# Background jobs: wait, statuses, order.
for i in 1 2 3; do (sleep 0.0$i; exit $i) & pids="$pids $!"; done
for p in $pids; do wait $p; echo $?; done
wait; echo "all $?"
wait 99999 2>/dev/null; echo $?
mkfifo go; (read line <go; echo late) & echo early; echo >go; wait
sleep 10 & kill $!; wait $!; echo $?
sleep 10 & kill -9 $!; wait $! 2>/dev/null; echo $?
# bash forgets those that end before it waits.
(sleep 0.3; exit 6) & wait -n; a=$?; (sleep 0.3; exit 7) & wait -n; b=$?; echo $((a + b))
x=$( (sleep 0.05; echo from the background) & wait); echo "$x"
coproc cat; echo through >&${COPROC[1]}; read -r line <&${COPROC[0]}; echo "$line"; kill $COPROC_PID; wait 2>/dev/null; echo done
