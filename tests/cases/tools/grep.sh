# grep: counts, files, folders, binary files, large input.
printf 'one 1\ntwo 2\nthree 3\n' >f
grep -c o f; grep -n three f; grep -v two f; grep -E 't(wo|hree)' f; grep -q missing f; echo $?; grep x missing 2>/dev/null; echo $?
mkdir d; echo needle >d/x; echo hay >d/y; grep -r needle d; grep -rl a d; grep -o '[0-9]' f | paste -sd,
seq 100000 | grep -c 7; yes abc | head -100000 | grep -c b; printf 'a\0b\n' | grep -c a; grep -c root /etc/passwd
