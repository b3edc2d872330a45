# Pipes from Python: sizes, ends, non-blocking, splice, fcntl.
import fcntl, os, signal
read, write = os.pipe()
print(fcntl.fcntl(write, fcntl.F_GETPIPE_SZ), fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 5000))
os.set_blocking(write, False)
total = 0
try:
    while True:
        total += os.write(write, b'x' * 1000)
except BlockingIOError as error:
    print(total, error)
print(len(os.read(read, 100000)))
os.set_blocking(read, False)
try:
    os.read(read, 1)
except BlockingIOError as error:
    print(error)
fd = os.open('file', os.O_RDWR | os.O_CREAT)
os.write(fd, b'0123456789')
print(os.splice(fd, write, 6, offset_src=2), os.read(read, 10))
os.write(write, b'back')
print(os.splice(read, fd, 4, offset_dst=20), os.pread(fd, 100, 0))
os.close(read)
signal.signal(signal.SIGPIPE, signal.SIG_IGN)
try:
    os.write(write, b'x')
except BrokenPipeError as error:
    print(error)
os.close(write)
os.mkfifo('fifo')
try:
    os.open('fifo', os.O_WRONLY | os.O_NONBLOCK)
except OSError as error:
    print(error)
reader = os.open('fifo', os.O_RDONLY | os.O_NONBLOCK)
print(os.read(reader, 1))
writer = os.open('fifo', os.O_WRONLY)
os.write(writer, b'through')
print(os.read(reader, 100), os.fstat(reader).st_mode == os.stat('fifo').st_mode)
for call in (lambda: os.lseek(reader, 0, 0), lambda: os.pread(reader, 1, 0), lambda: os.ftruncate(writer, 0), lambda: os.fsync(writer)):
    try:
        print(call())
    except OSError as error:
        print(error)
