# vim without a screen: reads, edits, runs a command, writes.
# needs: vim
# stderr: ignore
printf 'one\ntwo\nthree\n' >f
vim -u NONE -es -c '2s/two/2/' -c wq f; echo $?; cat f
vim -u NONE -es -c 'r !echo shell' -c 'w out' -c 'q!' f; cat out; ls -a | grep -c swp
