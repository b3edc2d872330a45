# cp, mv, ln, rm, install, mkdir, touch, stat, du, dd, truncate, realpath.
mkdir -p d/sub; echo text >d/f; ln d/f d/hard; ln -s f d/soft
cp -a d e; stat -c '%n %A %h %F' e/f e/soft e/hard
cp -r d/. g; ls -1 g; cp -u d/f g/f; mv -n g/f g/sub; ls g/sub
install -m 640 d/f installed; stat -c %a installed
touch -d '2001-02-03 04:05:06 UTC' t; stat -c '%Y %y' t; touch -r t u; [ t -nt u ] || echo same age
dd if=/dev/zero of=z bs=1k count=10 seek=5 2>&1 | head -2; stat -c %s z
truncate -s 1M s; du -k s | cut -f1; du --apparent-size -k s | cut -f1
realpath --relative-to=. d/soft; readlink d/soft
rm -rf d; ls d 2>/dev/null; echo $?
mkdir -m 700 private; stat -c '%a' private; rmdir private
ln -sf missing dangling; [ -e dangling ] || echo dangling; [ -L dangling ] && echo link
cp --reflink=auto z z2; cmp z z2 && echo same
chmod u=rwx,go=rx z; stat -c %a z; chmod -R a-x,a+X e; stat -c %a e e/f
ls -la e | awk 'NR > 1 {print $1, $2, $NF}'
mkfifo p; (echo through >p &) ; cat p
sync; df . >/dev/null && echo df
