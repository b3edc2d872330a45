# The same shell language in busybox, static, with its own programs.
# with: busybox sh
# needs: busybox
for a in 1 2 3; do echo $a; done | busybox sed 's/2/two/' | busybox sort -r
busybox seq 5 | busybox awk '{ s += $1 } END { print s }'
x=$(busybox echo sub | busybox tr a-z A-Z); echo $x
busybox sh -c 'exit 3'; echo $?
( busybox sleep 0.05; busybox echo background ) & wait
busybox printf '%s-%d\n' a 5
busybox mkdir -p a/b/c; busybox touch a/b/c/d; busybox find a | busybox sort
busybox tar cf a.tar a; busybox rm -r a; busybox tar tf a.tar
busybox gzip a.tar; busybox gunzip -c a.tar.gz | busybox wc -c | busybox grep -c .
trap 'echo trapped' TERM; kill -TERM $$
busybox cat <<END
here $x
END
busybox kill -9 $$
