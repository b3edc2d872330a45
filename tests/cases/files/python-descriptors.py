# Descriptors from Python: dup, inheritance, sendfile, preadv, copy_file_range, locks, leases refused, xattrs.
# also: --directfs=false --overlay2=none
import errno, fcntl, os
fd = os.open('file', os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
print(os.writev(fd, [b'one', b'two', b'three']), os.preadv(fd, [bytearray(4), bytearray(20)], 2))
other = os.dup(fd)
os.lseek(other, 3, os.SEEK_SET)
print(os.read(fd, 3), os.get_inheritable(other), fcntl.fcntl(fd, fcntl.F_GETFD))
copy = os.open('copy', os.O_RDWR | os.O_CREAT)
print(os.sendfile(copy, fd, 0, 6), os.copy_file_range(fd, copy, 5, offset_src=6), os.pread(copy, 50, 0))
print(os.posix_fallocate(copy, 0, 100), os.fstat(copy).st_size)
fcntl.flock(fd, fcntl.LOCK_EX)
again = os.open('file', os.O_RDWR)
try:
    fcntl.flock(again, fcntl.LOCK_SH | fcntl.LOCK_NB)
except OSError as error:
    print(error)
fcntl.flock(fd, fcntl.LOCK_UN)
fcntl.lockf(fd, fcntl.LOCK_EX, 10, 5)
child = os.fork()
if child == 0:
    try:
        fcntl.lockf(again, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 7)
    except OSError as error:
        print('child', error, flush=True)
    fcntl.lockf(again, fcntl.LOCK_EX | fcntl.LOCK_NB, 5, 0)
    os._exit(0)
print(os.waitpid(child, 0)[1])
print(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE, fcntl.fcntl(fd, fcntl.F_DUPFD, 50) >= 50)
for call in (lambda: os.read(99, 1), lambda: os.dup2(99, 5), lambda: os.write(os.open('file', os.O_RDONLY), b'x'), lambda: os.open('file', os.O_DIRECTORY), lambda: os.open('missing/file', os.O_RDONLY), lambda: os.open('file/x', os.O_RDONLY)):
    try:
        call()
    except OSError as error:
        print(errno.errorcode[error.errno])
os.truncate('file', 4)
print(os.path.getsize('file'), os.pread(fd, 10, 0))
directory = os.open('.', os.O_RDONLY)
os.mkdir('sub', dir_fd=directory)
os.rename('copy', 'sub/moved', src_dir_fd=directory, dst_dir_fd=directory)
print(os.listdir('sub'), os.stat('sub/moved', dir_fd=directory).st_size, os.access('file', os.W_OK))
os.fchdir(os.open('sub', os.O_RDONLY))
print(os.listdir(), os.path.basename(os.getcwd()))
try:
    os.rmdir('../sub')
except OSError as error:
    print(errno.errorcode[error.errno])
