# Ends of trees of processes: by group, by session, by a closed pipe, by a signal that is ignored or caught.
# stderr: ignore
# needs: setsid timeout kill
sh -c 'sleep 60 & echo $! >one; wait' & top=$!
sleep 0.2; kill $top; wait $top 2>/dev/null; echo $?
kill -0 $(cat one) && echo the child lives on; kill $(cat one)
setsid sh -c 'echo $$ >leader; sleep 61 & sleep 61 & wait' & 
sleep 0.2; leader=$(cat leader); ps -o pid= -s $leader | wc -l
env kill -KILL -- -$leader; sleep 0.1; ps -o stat= -s $leader | grep -vc Z
yes | head -1
(yes; echo "yes: $?" >&2) 2>&1 >/dev/full | tail -1
sh -c 'trap "" TERM; kill -TERM $$; echo survived'
sh -c 'trap "echo child; exit 0" HUP; sleep 0.01; kill -HUP $$; sleep 1'
timeout --foreground -s INT 0.1 sh -c 'trap "echo int; exit 4" INT; sleep 0.3 >/dev/null 2>&1 & wait'; echo $?
sh -c 'kill -STOP $$' & s=$!; sleep 0.1; kill -CONT $s; wait $s; echo $?
