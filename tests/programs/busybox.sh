cd "$WORK"
busybox sh -c 'for i in 1 2 3; do echo $i; done | busybox sort -r | busybox tr "\n" ,; trap "echo trapped" EXIT; busybox cat <<X
here $((6*7))
X
(exit 3); echo $?; busybox sleep 0.1 & wait $!; echo done $?'
