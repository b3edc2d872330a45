# A longer script as an installer would be: functions, loops, temporary files, traps.
# timeout: 40
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"; echo cleaned' EXIT
log() { printf '%s: %s\n' "$1" "$2"; }
for i in $(seq 1 30); do
    dir="$work/pkg$i"; mkdir -p "$dir/bin" "$dir/etc"
    printf '#!/bin/sh\necho package %d\n' "$i" >"$dir/bin/run"
    chmod +x "$dir/bin/run"
    echo "name=pkg$i" >"$dir/etc/conf"
    ln -s ../bin/run "$dir/etc/link"
done
count=0
for run in "$work"/*/bin/run; do
    out=$("$run"); case $out in "package "*) count=$((count + 1)) ;; esac
done
log count $count
find "$work" -type l | wc -l
find "$work" -name conf -exec grep -h name= {} + | sort -V | tail -1
tar -C "$work" -czf all.tgz . && mkdir x && tar -C x -xzf all.tgz && diff -r "$work" x && log diff same
x/pkg7/etc/link
