# Job control without a terminal.
# stderr: ignore
set -m
sleep 0.1 &
wait; echo $?
(kill -STOP $BASHPID; echo continued) &
until jobs %1 | grep -q Stopped; do sleep 0.01; done
jobs %1 | grep -o Stopped
kill -CONT %1
wait
sleep 30 &
pgid=$(ps -o pgid= -p $! | tr -d ' '); [ "$pgid" = "$!" ] && echo own group && kill -TERM -- -$!
wait $!; echo $?
