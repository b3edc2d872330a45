# Children whose parent ends first get another one, and are reaped; subshells, wait, traps at exit.
mkfifo go over
(sh -c 'read line <go; echo "orphan of $PPID" | sed s/[0-9]*$/somebody/; echo >over' &)
echo >go; read line <over
(trap 'echo leaving' EXIT; exit 3); echo $?
(trap 'echo got TERM; exit 9' TERM; kill -TERM $(sh -c 'echo $PPID'); echo not reached); echo $?
sleep 0.01 & a=$!; sh -c 'exit 7' & b=$!
wait $b; echo $?; wait $a; echo $?; wait $a 2>/dev/null; echo $?
sh -c 'sh -c "exit 2"; echo $?; exec sh -c "exit 5"'; echo $?
(exec 3>file; echo through >&3); cat file
sh -c 'echo $(echo inner; exit 4); echo $?'
x=$(exit 6); echo $?
{ sleep 5 & kill $!; wait $!; echo $?; } 2>/dev/null
set -- $(seq 50); for i; do (exit $i) & done; for i; do wait -n 2>/dev/null || :; done; echo all
