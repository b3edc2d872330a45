# timerfd through ctypes: expirations, absolute times, disarming, cancellation flags.
import ctypes, os, struct, time
libc = ctypes.CDLL(None, use_errno=True)

def settime(fd, flags, first, interval=0):
    new = struct.pack('4q', int(interval), int(interval % 1 * 1e9), int(first), int(first % 1 * 1e9))
    old = ctypes.create_string_buffer(32)
    result = libc.timerfd_settime(fd, flags, new, old)
    return result if result == 0 else os.strerror(ctypes.get_errno())

fd = libc.timerfd_create(1, 0o4000)
try:
    os.read(fd, 8)
except OSError as error:
    print(error)
print(settime(fd, 0, 0.01, 0.01))
time.sleep(0.055)
count, = struct.unpack('Q', os.read(fd, 8))
print(count >= 5)
print(settime(fd, 0, 0))
time.sleep(0.02)
try:
    os.read(fd, 8)
except OSError as error:
    print(error)
print(settime(fd, 1, time.monotonic() - 5))
print(struct.unpack('Q', os.read(fd, 8)))
try:
    os.read(fd, 7)
except OSError as error:
    print(error)
print(settime(fd, 8, 1))
print(settime(0, 0, 1))
print(libc.timerfd_create(77, 0), os.strerror(ctypes.get_errno()))
print(libc.timerfd_create(1, 1), os.strerror(ctypes.get_errno()))
try:
    os.write(fd, b'12345678')
except OSError as error:
    print(error)
print(os.lseek(fd, 0, 0), os.lseek(fd, 5, os.SEEK_CUR))
