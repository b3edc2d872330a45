# The file system of message queues, as it is mounted by default.
if mount | grep -q 'type mqueue'; then at=/dev/mqueue; else at=$PWD/queues; mkdir "$at"; mount -t mqueue none "$at"; fi
cd "$at" || exit
umask 077
stat -c '%a %F' .
rm -f lazaret-case
touch lazaret-case && stat -c '%a %s %F %h' lazaret-case
cat lazaret-case
# Other cases make queues too.
ls | grep lazaret-case
echo text > lazaret-case
mkdir directory
ln -s a link
ln lazaret-case other
mv lazaret-case moved
ls | grep lazaret-case
chmod 640 lazaret-case
stat -c '%a' lazaret-case
rm lazaret-case
ls | grep lazaret-case
stat -f -c '%T' . 2>/dev/null || stat -f -c '%t' .
cd /
case $at in */queues) umount "$at" ;; esac
