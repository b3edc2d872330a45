# sleep, timeout, SECONDS.
# stderr: ignore
s=$(date +%s%N); sleep 0.2; e=$(date +%s%N); d=$(((e - s) / 1000000)); [ $d -ge 200 ] && [ $d -lt 1500 ] && echo slept
timeout 0.1 sleep 5; echo $?
timeout -s KILL 0.1 sleep 5; echo $?
timeout 5 sh -c 'exit 3'; echo $?
timeout --preserve-status 0.1 sleep 5; echo $?
SECONDS=0; sleep 1.1; [ $SECONDS -ge 1 ] && echo second
