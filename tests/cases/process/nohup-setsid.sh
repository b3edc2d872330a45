# nohup, setsid, timeout, nice, env, xargs, time: programs that prepare others.
# needs: nohup setsid timeout nice xargs prlimit setpriv taskset
# stderr: ignore
nohup sh -c 'trap | cat; kill -HUP $$; echo alive' 2>/dev/null
setsid -w sh -c 'ps -o sid= -p $$ | tr -d " " | sed "s/^$$\$/own session/"'
timeout 0.05 sleep 5; echo $?
timeout -s KILL 0.05 sleep 5; echo $?
timeout 5 sh -c 'exit 3'; echo $?
nice -n 5 nice
seq 10 | xargs -n 3 echo
seq 6 | xargs -P 3 -I{} sh -c 'exit 0'; echo $?
prlimit --nofile=64:128 sh -c 'ulimit -Sn; ulimit -Hn'
setpriv --reuid=1000 --regid=1000 --clear-groups id
setpriv --no-new-privs grep NoNewPrivs /proc/self/status
taskset -c 0 nproc
env -i A=1 sh -c 'echo $A ${HOME-none}'
env -C /usr pwd
