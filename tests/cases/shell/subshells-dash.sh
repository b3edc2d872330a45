# The same in dash, with programs.
# with: dash
# timeout: 60
i=0
while [ $i -lt 200 ]; do
    x=$(/bin/echo $i)
    i=$((x + 1))
done
echo $i
i=0
while [ $i -lt 100 ]; do
    /bin/true || echo failed
    i=$((i + 1))
done
echo $i
