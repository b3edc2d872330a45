# Globs, braces, tildes, word splitting.
touch a.c b.c .hidden 'with space' 'back\slash' '[x]' é
echo *
echo *.c ?.c [ab].c [!a].c
echo .h* nothing*
shopt -s nullglob dotglob; echo *hidden none*; shopt -u nullglob dotglob
shopt -s extglob; echo @(a|b).c
echo {1..5} {a,b}{c,d} {01..03}
mkdir -p x/y/z; touch x/y/z/deep; shopt -s globstar; echo **/deep x/**
for f in *; do printf '<%s>' "$f"; done; echo
IFS=:; v=a:b::c; printf '<%s>' $v; echo; unset IFS
cd ~ && [ "$PWD" = "$HOME" ] && echo home
set -- *.c; echo $#
set -f; echo *; set +f
