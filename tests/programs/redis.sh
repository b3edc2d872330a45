which redis-server >/dev/null || exit 0
cd "$WORK"; redis-server --port 7777 --save '' --daemonize yes >/dev/null; for i in 1 2 3 4 5 6 7 8 9 10; do redis-cli -p 7777 ping 2>/dev/null | grep PONG && break; sleep 0.2; done; redis-cli -p 7777 set a b; redis-cli -p 7777 incr n; redis-cli -p 7777 shutdown nosave; echo $?
