# What ps and friends make of /proc.
# needs: ps pgrep pidof
# stderr: ignore
sleep 54.321 &
child=$!
until ps -o stat=,comm= -p $child | grep -q "^S.*sleep"; do sleep 0.01; done
ps -o stat=,comm=,args= -p $child
ps -o pid= -p $$ | tr -d ' ' | sed "s/^$$\$/own/"
ps -o ppid= -p $child | tr -d ' ' | sed "s/^$$\$/parent/"
[ "$(pgrep -P $$ -x sleep)" = "$child" ] && echo found
kill -STOP $child
until ps -o stat= -p $child | grep -q ^T; do sleep 0.01; done
ps -o stat= -p $child | cut -c1
{ kill -KILL $child; wait $child; } 2>/dev/null
echo $?
ps -p $child >/dev/null
echo $?
ps -e -o pid= | grep -q . && echo some
cat /proc/$$/comm
uptime >/dev/null && echo uptime
free | head -1
