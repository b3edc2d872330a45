# ipcmk, ipcs and ipcrm.
# needs: ipcmk ipcs ipcrm
m=$(ipcmk -M 5000 | grep -o '[0-9]*$')
s=$(ipcmk -S 3 | grep -o '[0-9]*$')
q=$(ipcmk -Q | grep -o '[0-9]*$')
ipcs -m | awk -v id=$m '$2 == id {print $4, $5, $6}'
ipcs -s | awk -v id=$s '$2 == id {print $4, $5}'
ipcs -q | awk -v id=$q '$2 == id {print $4, $5, $6}'
ipcs -m -i $m | grep -c bytes=5000
awk -v id=$m '$2 == id {print $3, $4, $7}' /proc/sysvipc/shm
awk -v id=$s '$2 == id {print $3, $4}' /proc/sysvipc/sem
awk -v id=$q '$2 == id {print $3, $4, $5}' /proc/sysvipc/msg
head -1 /proc/sysvipc/shm /proc/sysvipc/sem /proc/sysvipc/msg
ipcs -l | grep -i 'max queues\|max number of arrays\|segments'
ipcrm -m $m -s $s -q $q; echo $?
ipcrm -m $m 2>/dev/null; echo $?
