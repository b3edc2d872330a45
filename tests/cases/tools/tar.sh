# tar: modes, times, links, sparse, compression, appending.
# stderr: ignore
mkdir -p t/sub; echo hello >t/f; ln t/f t/hard; ln -s f t/soft; chmod 751 t/f; touch -d @1000000000 t/f; truncate -s 1M t/sparse; head -c 70000 /dev/urandom >t/random
tar cf a.tar t; tar tvf a.tar | awk '{print $1, $2, $6, $7, $8}' | wc -l
mkdir o; tar xf a.tar -C o; diff -r t o/t && echo same; stat -c '%a %Y %h' o/t/f; readlink o/t/soft
tar cSf s.tar t/sparse; [ $(stat -c %s s.tar) -lt 100000 ] && echo sparse; tar xf s.tar -C o; du -k o/t/sparse | cut -f1
for z in z J; do tar c${z}f c.tar t && tar t${z}f c.tar | wc -l; done
tar rf a.tar --transform 's/^/added-/' t/f; tar tf a.tar | tail -1
tar cf - t | tar xf - -C o --strip-components=1; ls o | sort | paste -sd' '
tar xf a.tar --to-stdout t/f; tar df a.tar t/f; echo $?; tar tf /dev/null; echo $?
