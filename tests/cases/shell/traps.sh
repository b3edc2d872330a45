# Traps: EXIT, signals, ERR, nesting, inheritance.
trap 'echo exit $?' EXIT
trap 'echo usr1' USR1
kill -USR1 $$
(trap - EXIT; kill -USR1 $BASHPID; echo subshell survives) 2>/dev/null; echo "status $?"
(trap 'echo inner exit' EXIT; exit 3); echo $?
sh -c 'trap "echo term; exit 9" TERM; kill -TERM $$; echo not reached'; echo $?
trap 'echo err $?' ERR
false
trap - ERR
trap '' USR2; kill -USR2 $$; echo ignored
sh -c 'kill -USR2 $$; echo still ignored'
trap 'echo return' RETURN; f() { :; }; f; trap - RETURN
trap
(sleep 20 & wait $!; echo "interrupted $?") & pid=$!
until pgrep -P $pid -x sleep >/dev/null; do sleep 0.01; done; pkill -P $pid sleep; wait $pid
exit 5
