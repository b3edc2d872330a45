# What a program gets from its environment.
env | grep -E '^(PATH|LANG|TZ)=' | sort
A=1 B='two words' sh -c 'echo $A $B'
env -i sh -c 'echo "[$HOME]"'
export X=exported; sh -c 'echo $X'; unset X; sh -c 'echo "[$X]"'
umask 027; umask; touch f; stat -c %a f; umask 022
id -u; id -g; whoami
date -d @0 +%FT%T%z
TZ=America/New_York date -d @0 +%H
locale charmap
