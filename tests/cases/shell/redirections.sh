# Redirections: order, descriptors, append, clobber, closing.
# stderr: ignore
echo to file >f; echo more >>f; cat <f
{ echo out; echo err >&2; } 2>&1 >f2 | sed 's/^/piped: /'; cat f2
ls /missing 2>/dev/null; echo $?
exec 3>three; echo three >&3; exec 3>&-; cat three
echo closed >&3; echo $?
set -C; echo x >f; echo $?; echo y >|f; cat f; set +C
cat 0<f; exec 5<f; read -r line <&5; echo "$line"; exec 5<&-
{ echo one; echo two >&2; } &>b; cat b
(echo subshell; exit 4) >s; echo $?; cat s
: >empty; wc -c <empty
echo dup 3>&1 >&3
exec 4<>rw; echo written >&4; exec 4<&-; cat rw
sh -c 'echo $0 >&2' 2>&1 name
cat /dev/stdin <f
echo x >/missing/file; echo $?
