# nice, nohup, setsid, env, kill, taskset, flock, setpriv.
# needs: taskset flock setsid nohup setpriv
nice -n 5 nice; nohup echo nohup 2>/dev/null | cat; setsid sh -c '[ $(ps -o sid= -p $$) -eq $$ ] && echo session'
taskset -c 0 nproc; flock lock sh -c 'flock -n lock true; echo $?'; (flock -x 9; echo locked) 9>l2
kill -l 9; sleep 20 & kill -TERM $!; wait $! 2>/dev/null; echo $?
stdbuf -oL echo line | cat; env -u HOME sh -c 'echo [$HOME]'; env A=b printenv A
env -S 'sh -c "exit 6"'; echo $?; chroot / /bin/echo rooted; getconf PAGE_SIZE
setpriv --reuid 1000 --regid 1000 --clear-groups id -u; unshare -u sh -c 'hostname x; hostname'
