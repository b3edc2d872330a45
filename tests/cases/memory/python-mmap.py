# mmap from Python: files, anonymous memory, resizing, advice, sharing with a child.
import mmap, os
fd = os.open('file', os.O_RDWR | os.O_CREAT)
os.write(fd, b'0123456789' * 1000)
shared = mmap.mmap(fd, 0)
print(len(shared), shared[:10], shared.find(b'567', 100))
shared[0:4] = b'abcd'
print(os.pread(fd, 10, 0), shared.flush())
private = mmap.mmap(fd, 0, access=mmap.ACCESS_COPY)
private[0:4] = b'WXYZ'
print(os.pread(fd, 4, 0), shared[:4], private[:4])
read_only = mmap.mmap(fd, 4096, access=mmap.ACCESS_READ, offset=4096)
print(read_only[:5])
try:
    read_only[0] = 1
except TypeError as error:
    print(error)
shared.resize(20000)
print(os.fstat(fd).st_size, shared[15000])
shared.move(100, 0, 10)
print(shared[100:110])
shared.madvise(mmap.MADV_WILLNEED)
anonymous = mmap.mmap(-1, 100000)
child = os.fork()
if child == 0:
    anonymous.seek(5000)
    anonymous.write(b'from the child')
    os._exit(0)
os.waitpid(child, 0)
print(anonymous[5000:5014])
private_anonymous = mmap.mmap(-1, 8192, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
private_anonymous[0] = 7
private_anonymous.madvise(mmap.MADV_DONTNEED)
print(private_anonymous[0])
os.ftruncate(fd, 0)
for length in (0, 10):
    try:
        print(len(mmap.mmap(fd, length)))
    except (OSError, ValueError) as error:
        print(error)
try:
    mmap.mmap(fd, 4096, offset=5)
except (OSError, ValueError) as error:
    print(error)
