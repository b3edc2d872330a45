# awk: fields, pipes to and from commands, system, numbers.
printf 'one 1\ntwo 2\nthree 3\n' >f
awk '{print NR, $2 * 2}' f; awk -F' ' '$2 > 1 {n++} END {print n}' f; awk 'BEGIN {while ((getline l < "f") > 0) c++; print c}'
awk 'BEGIN {"echo command" | getline x; print x; print "b\na" | "sort"; close("sort"); print system("exit 3"); printf "%.3f %s\n", atan2(0, -1), substr("hello", 2, 3)}'
awk 'BEGIN {for (i = 0; i < 100000; i++) s += i; print s}'
