# ps, pgrep, top, free, uptime, vmstat, lsof-like walks of /proc, watch of a process by its files.
# needs: ps pgrep free vmstat w
ps -ef | awk 'NR == 1 {print $1, $2, NF}'
ps aux | head -1 | awk '{print NF}'
sleep 77.123 & p=$!
until ps -o stat=,comm= -p $p | grep -q "^S.*sleep"; do sleep 0.01; done
ps -o pid,stat,nice,comm -p $p | awk 'NR==2 {print NF, $2 ~ /^S/, $3, $4}'
ps -eo pid= | awk -v p=$p '$1 == p' | wc -l
pgrep -f 'sleep 77.123' | wc -l
ls /proc/$p | grep -x "cwd\|exe\|fd\|maps\|stat"
ls -l /proc/$p/exe | sed 's/.*-> //'
tr '\0' ' ' </proc/$p/cmdline; echo
ls /proc/$p/task | wc -l
awk '{print $3}' /proc/$p/stat
cat /proc/$p/wchan >/dev/null && echo wchan
{ kill $p; wait $p; echo $?; } 2>/dev/null
ls /proc/$p 2>/dev/null | wc -l
free -m | awk 'NR == 1 {print NF}'
vmstat | wc -l
[ "$(nproc)" = "$(grep -c ^processor /proc/cpuinfo)" ] && echo processors
