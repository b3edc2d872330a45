# ctypes: libc calls, callbacks, errno.
import ctypes, ctypes.util, os
libc = ctypes.CDLL("libc.so.6", use_errno=True)
print(libc.getpid() == os.getpid(), libc.abs(-5), libc.open(b"/missing", 0), ctypes.get_errno())
compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
array = (ctypes.c_int * 5)(5, 3, 1, 4, 2); libc.qsort(array, 5, 4, compare(lambda a, b: a[0] - b[0])); print(list(array))
class Timeval(ctypes.Structure): _fields_ = [("s", ctypes.c_long), ("us", ctypes.c_long)]
t = Timeval(); print(libc.gettimeofday(ctypes.byref(t), None), t.s > 10**9)
buffer = ctypes.create_string_buffer(100); print(libc.snprintf(buffer, 100, b"%d-%s", 42, b"x"), buffer.value)
print(ctypes.util.find_library("c"))
