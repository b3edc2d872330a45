# date, sleep, touch and time zones.
date -u -d @86400 '+%F %T %Z'; TZ=America/New_York date -d @1700000000 '+%F %T %Z'
date -d '2024-02-28 +2 days' +%F; date -d 'last monday' +%a
[ $(date +%s) -gt 1700000000 ] && echo now
touch -d '1969-12-31 UTC' old; stat -c %Y old; touch -d @4000000000 new; stat -c %Y new; [ new -nt old ] && echo newer
s=$(date +%s%N); sleep 0.05; e=$(date +%s%N); [ $(( (e - s) / 1000000 )) -ge 50 ] && echo slept
[ "$(cut -d. -f1 /proc/uptime)" -ge 0 ] && echo up
python3 -c 'import time; print(time.strftime("%Z", time.localtime(0)), time.daylight)'
TZ=Asia/Kolkata python3 -c 'import time; print(time.timezone)'
