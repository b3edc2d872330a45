# mmap: files, anonymous, resize, flush, access.
import mmap, os
with open("f", "w+b") as f:
    f.write(b"0123456789" * 1000); f.flush()
    m = mmap.mmap(f.fileno(), 0); print(m.find(b"9012"), m[5:10], len(m)); m[0:5] = b"abcde"; m.flush()
    f.seek(0); print(f.read(12)); m.resize(20000); print(len(m), os.path.getsize("f")); m.move(100, 0, 5); print(m[98:106]); m.close()
    r = mmap.mmap(f.fileno(), 4096, access=mmap.ACCESS_READ)
    try: r[0] = 1
    except TypeError as error: print("read-only")
    c = mmap.mmap(f.fileno(), 4096, access=mmap.ACCESS_COPY); c[0:1] = b"Z"; f.seek(0); print(c[0:2], f.read(2))
a = mmap.mmap(-1, 8192)
if os.fork() == 0:
    a[0:5] = b"child"; os._exit(0)
os.wait(); print(a[0:5]); a.madvise(mmap.MADV_DONTNEED); print(len(a))
