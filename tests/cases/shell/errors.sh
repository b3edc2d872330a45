# Errors of the shell and their statuses.
# stderr: ignore
nosuchcommand; echo $?
./missing; echo $?
touch notexec; ./notexec; echo $?
/; echo $?
chmod +x notexec; ./notexec; echo $?
printf '#!/no/such\n' >bad; chmod +x bad; ./bad; echo $?
sh -c 'exit 300'; echo $?
sh -c 'kill -SEGV $$'; echo $?
cd /missing; echo $?
(set -e; false; echo not reached); echo $?
(set -u; echo $unset); echo $?
sh -n -c 'if'; echo $?
(: ${x:?message}); echo $?
ulimit -n 10; exec 9</dev/null; echo $?; exec 10</dev/null; echo $?
