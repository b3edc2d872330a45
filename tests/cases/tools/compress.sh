# gzip, xz, bzip2, zcat: round trips, corrupt input.
# stderr: ignore
# needs: gzip xz bzip2
seq 100000 >n; sum=$(md5sum <n)
for c in gzip xz bzip2; do
    $c -k n; [ "$($c -dc n.* | md5sum)" = "$sum" ] && echo $c; $c -t n.* && echo tested; rm n.*
done
gzip -c n | gunzip | tail -1; gzip -9c n | zcat | head -1
xz -T2 -c n | xz -dc | md5sum | cut -c1-8
echo garbage | gunzip; echo $?; echo garbage | xz -d; echo $?
gzip -c n | head -c 1000 | gunzip >part; echo $?; wc -c <part
