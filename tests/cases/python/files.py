# os, pathlib, shutil, tempfile, glob.
import errno, fcntl, os, pathlib, shutil, stat, tempfile
p = pathlib.Path("d/e/f"); p.mkdir(parents=True); (p / "x").write_text("hello"); print(sorted(map(str, pathlib.Path("d").rglob("*"))))
shutil.copytree("d", "c"); print(shutil.disk_usage(".").total > 0, sorted(os.listdir("c/e/f"))); shutil.rmtree("d"); print(os.path.exists("d"))
with tempfile.TemporaryDirectory() as t: open(os.path.join(t, "y"), "w").close(); print(os.listdir(t))
with tempfile.TemporaryFile() as f: f.write(b"1"); print(f.tell())
os.symlink("c/e/f/x", "s"); print(os.readlink("s"), os.path.realpath("s").endswith("c/e/f/x"), stat.filemode(os.lstat("s").st_mode))
with open("l", "w") as f, open("l") as g:
    fcntl.flock(f, fcntl.LOCK_EX)
    try: fcntl.flock(g, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as e: print(errno.errorcode[e.errno])
os.truncate("l", 100); print(os.stat("l").st_size); os.utime("l", ns=(1, 2)); print(os.stat("l").st_mtime_ns)
fd = os.open("l", os.O_RDWR); print(os.pwrite(fd, b"abc", 5), os.pread(fd, 3, 5), os.sendfile(fd, fd, 5, 3)); os.posix_fallocate(fd, 0, 5000); print(os.fstat(fd).st_size)
for root, dirs, files in os.walk("c"): print(root, dirs, files)
print([e.name for e in sorted(os.scandir("."), key=lambda e: e.name)], os.access("l", os.X_OK))
try: os.rmdir("c")
except OSError as e: print(errno.errorcode[e.errno])
print(os.setxattr("l", "user.k", b"v"), os.getxattr("l", "user.k"), os.listxattr("l"))
