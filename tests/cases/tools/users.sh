# id, getent, uname: what reads /etc through libc.
id root; id -u nobody; getent passwd root | cut -d: -f1,3,4; getent group root | cut -d: -f1; getent hosts localhost | grep -c localhost; getent services http/tcp | tr -s ' '
date -u -d '2020-02-29 12:00' +%j; uname -s -m; arch; getent passwd missing; echo $?
