# /proc/PID/mem and pagemap of the process itself and of a child.
import ctypes, os, struct
buffer = ctypes.create_string_buffer(b'some text', 100)
address = ctypes.addressof(buffer)
with open('/proc/self/mem', 'r+b', 0) as memory:
    memory.seek(address)
    print(memory.read(9))
    memory.seek(address + 5)
    print(memory.write(b'word'))
    print(buffer.value)
    try:
        os.pread(memory.fileno(), 1, 0)
    except OSError as error:
        print(error)
    try:
        print(os.lseek(memory.fileno(), 0, os.SEEK_END))
    except OSError as error:
        print(error)
with open('/proc/self/pagemap', 'rb', 0) as pages:
    pages.seek(address // 4096 * 8)
    word, = struct.unpack('Q', pages.read(8))
    print(word >> 63)
    try:
        pages.read(3)
    except OSError as error:
        print(error)
read, write = os.pipe()
child = os.fork()
if child == 0:
    os.read(read, 1)
    print('child', buffer.value)
    os._exit(0)
with open(f'/proc/{child}/mem', 'r+b', 0) as memory:
    memory.seek(address)
    memory.write(b'from the parent\0')
os.write(write, b'x')
os.waitpid(child, 0)
print(buffer.value)
