# Ends of trees of processes: by group, by session, by a closed pipe, by a signal that is ignored or caught.
# stderr: ignore
# needs: setsid timeout kill
sh -c 'sleep 60 & echo $! >one; wait' & top=$!
until [ -s one ]; do sleep 0.01; done; kill $top; wait $top 2>/dev/null; echo $?
kill -0 $(cat one) && echo the child lives on; kill $(cat one)
setsid sh -c 'sleep 61 & sleep 61 & echo $$ >leader; wait' &
until [ -s leader ]; do sleep 0.01; done; leader=$(cat leader); ps -o pid= -s $leader | wc -l
env kill -KILL -- -$leader; left() { ps -o stat= -s $leader | grep -vc Z; }; for i in $(seq 100); do [ $(left) = 0 ] && break; sleep 0.05; done; left
yes | head -1
(yes; echo "yes: $?" >&2) 2>&1 >/dev/full | tail -1
sh -c 'trap "" TERM; kill -TERM $$; echo survived'
sh -c 'trap "echo child; exit 0" HUP; sleep 0.01; kill -HUP $$; sleep 1'
timeout --foreground -s INT 0.5 sh -c 'trap "echo int; exit 4" INT; sleep 2 >/dev/null 2>&1 & wait'; echo $?
sh -c 'kill -STOP $$' & s=$!; until ps -o stat= -p $s | grep -q T; do sleep 0.01; done; kill -CONT $s; wait $s; echo $?
