# Long argument lists, long environments, odd names, interpreters with arguments, PATH.
printf '#!/bin/sh -e\necho "$0" "$#"; false; echo not reached\n' >script; chmod +x script
./script a 'b c' ''; echo $?
PATH=$PWD:$PATH script x; echo $?
printf '#!/usr/bin/env -S sh -c "echo split $0"\n' >split; chmod +x split; ./split
printf 'echo no line\n' >plain; chmod +x plain; ./plain
printf '#!./missing\n' >bad; chmod +x bad; ./bad 2>/dev/null; echo $?
: >empty; chmod +x empty; ./empty; echo $?
printf '\177ELF' >broken; chmod +x broken; ./broken 2>/dev/null; echo $?
seq 20000 | xargs echo | wc -c
sh -c 'echo $#' sh $(seq 5000)
long=$(head -c 100000 /dev/zero | tr '\0' x); env A=$long sh -c 'echo ${#A}'
env A=$long$long sh -c 'echo ${#A}' 2>/dev/null; echo $?
env 'odd name=1' 'x=é' env | grep -c 'odd name\|x='
mkdir 'a folder'; cp script "a folder/sc ript"; "a folder/sc ript"; echo $?
exec 5<script; sh /dev/fd/5 p q; echo $?
(exec -a other sh -c 'echo $0' 2>/dev/null || sh -c 'echo sh')
