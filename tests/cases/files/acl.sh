# POSIX access control lists, where the file system has them.
# also: --directfs=false --overlay2=none
# needs: getfacl setfacl
touch file; setfacl -m u:1000:r file; echo $?
getfacl -cE file
