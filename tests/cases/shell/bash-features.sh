# bash: arrays, process substitution, coprocesses, /dev/tcp, read timeouts, pipefail.
# needs: bash
bash -c 'a=(1 2 "3 4"); echo ${#a[@]} "${a[2]}"; declare -A m=([x]=1 [y]=2); echo ${m[y]}'
bash -c 'diff <(seq 3) <(seq 2 4)'
bash -c 'coproc cat; echo through >&${COPROC[1]}; read -u ${COPROC[0]} x; echo $x; kill $COPROC_PID; wait $COPROC_PID 2>/dev/null; echo $?'
bash -c 'set -o pipefail; false | true; echo $? ${PIPESTATUS[@]}'
bash -c 'read -t 0.05 x < <(sleep 1); echo $((${?} > 128))'
bash -c 'exec {fd}>file; echo text >&$fd; exec {fd}>&-; cat file'
bash -c 'trap "echo usr1" USR1; kill -USR1 $$; trap "echo exit" EXIT'
bash -c 'echo > /dev/tcp/127.0.0.1/1' 2>&1 | grep -o 'Connection refused' | head -1
bash -c 'mapfile -t lines < <(seq 4); echo ${lines[3]}; printf "%(%Y)T\n" 0; echo ${EPOCHSECONDS:0:2} | grep -c "[0-9]"'
bash -c 'for i in 1 2 3; do sleep 0.0$i & done; wait -n; wait; echo done'
bash -c 'ulimit -n 50; exec 60>x' 2>/dev/null; echo $?
bash -c 'umask 077; >private; stat -c %a private; cd /; echo $OLDPWD | wc -w; time -p true' 2>/dev/null
