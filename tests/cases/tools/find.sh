# find: tests, actions, order of folders.
mkdir -p a/b/c a/d; touch a/1.c a/b/2.c a/b/c/3.h; ln -s b a/link; chmod 600 a/1.c; head -c 5000 /dev/zero >a/big; touch -d '2000-01-01' a/old
find a | sort; find a -type d | sort; find a -name '*.c' | sort; find a -type l
find a -type f -size +4k; find a -perm 600; find a -newer a/old -type f | sort; find a -empty | sort
find a -maxdepth 1 | sort; find a -path '*b*' -prune -o -print | sort
find a -name '*.h' -exec echo run {} \;; find a -type f -exec echo {} + | tr ' ' '\n' | sort | wc -l
find a -printf '%P %y %m\n' | sort; find a -name 2.c -delete; find a -name 2.c; find -L a -name 3.h | sort
find a -regex '.*/[0-9]\.h'; find a -type f -print0 | sort -z | tr '\0' '|'; echo
find missing 2>/dev/null; echo $?
