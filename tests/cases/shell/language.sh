# Arithmetic, arrays, substitutions, and the many small calls that they make.
a=(one two three); a+=(four); echo ${#a[@]} ${a[-1]} ${!a[@]}
declare -A m=([x]=1 [y]=2); m[z]=3; for k in x y z; do echo $k=${m[$k]}; done
s=hello-world; echo ${s%-*} ${s#*-} ${s/o/0} ${s//o/0} ${s^^} ${#s} ${s:2:3}
echo $((0x1f + 010 + 2#101)) $((7 / 2)) $((-7 % 3)) $((1 << 62))
printf '%05d|%-5s|%x|%q\n' 42 ab 255 'a b'
mapfile -t lines < <(seq 3); echo ${lines[1]}
f() { local x=$1; echo $((x * 2)); return 5; }; f 21; echo $?
case abc in a*c) echo matched ;; esac
[[ abc =~ ^a(.)c$ ]] && echo ${BASH_REMATCH[1]}
eval 'echo eval $((1 + 1))'
getopts ab: o -b val; echo $o $OPTARG
read -r -t 0.1 x < <(sleep 1); [ $? -gt 128 ] && echo timed out
