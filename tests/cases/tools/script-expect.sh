# script(1) runs a command on a terminal.
# needs: script stty
script -qec 'tty >/dev/null && echo on a terminal; exit 4' /dev/null </dev/null | tr -d '\r'
script -qefc 'stty -a | grep -o "isig\|icanon" | sort' out </dev/null >/dev/null; tr -d '\r' <out | grep -c 'isig\|icanon'
script -qec 'sh -c "kill -INT \$\$"' /dev/null </dev/null; echo $?
