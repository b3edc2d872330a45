"""Uses the files of a directory in many ways, and prints what it sees: the same on Linux and in a volume."""

import errno, fcntl, mmap, os, socket, stat, sys, tempfile

os.chdir(sys.argv[1])
os.umask(0o027)


def say(*words):
    print(*words)


def attempt(call, *arguments, **options):
    try:
        return call(*arguments, **options)
    except OSError as error:
        return errno.errorcode[error.errno]


def shown(path):
    found = os.lstat(path)
    return stat.filemode(found.st_mode), found.st_nlink, found.st_uid, found.st_gid, found.st_size


# Writing, appending, holes, truncation.
with open("file", "w+b", buffering=0) as file:
    say(file.write(b"hello"), os.pwrite(file.fileno(), b"far", 10000), file.tell(), shown("file"))
    say(os.pread(file.fileno(), 4, 9998), attempt(os.lseek, file.fileno(), 0, os.SEEK_HOLE) in (5, 4096, 10003))
    say(attempt(os.posix_fallocate, file.fileno(), 0, 20000), shown("file"))
    say(attempt(os.ftruncate, file.fileno(), 7), file.read())
with open("file", "ab", buffering=0) as file:
    say(file.write(b"end"), file.tell())
say(open("file", "rb").read())

# Shared and private mappings.
with open("file", "r+b") as file:
    shared, private = mmap.mmap(file.fileno(), 0), mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    shared[0:5], private[5:7] = b"HELLO", b"!!"
    say(shared[:], private[:], open("file", "rb").read())
    shared.flush()
    file.seek(0)
    file.write(b"J")
    file.flush()
    say(shared[0:1])

# What has no name any more.
file = open("gone", "w+b", buffering=0)
os.unlink("gone")
say(attempt(os.fchmod, file.fileno(), 0o640), attempt(os.ftruncate, file.fileno(), 100), file.write(b"still"))
found = os.fstat(file.fileno())
say(stat.filemode(found.st_mode), found.st_nlink, found.st_size, attempt(os.utime, file.fileno(), (5, 6)))
say(os.fstat(file.fileno()).st_mtime, attempt(os.fsync, file.fileno()), attempt(os.open, "gone", os.O_RDONLY))
file.close()

# Names.
os.makedirs("a/b/c")
os.link("file", "a/hard")
os.symlink("../file", "a/soft")
say(shown("a/hard"), os.readlink("a/soft"), open("a/soft", "rb").read(3), os.path.samefile("file", "a/hard"))
say(attempt(os.rename, "a/hard", "a/b/hard"), attempt(os.rename, "a/b", "a/b/c/d"), attempt(os.rename, "a", "file"))
say(attempt(os.rmdir, "a"), attempt(os.unlink, "a"), attempt(os.mkdir, "a"), attempt(os.open, "a/soft/x", 0))
os.unlink("file")
say(open("a/b/hard", "rb").read(2), shown("a/b/hard"), attempt(os.stat, "a/soft"))
say(sorted((entry.name, entry.is_dir(), entry.is_symlink()) for entry in os.scandir("a")))
directory = os.open("a", os.O_RDONLY)
os.rename("a", "moved")
say(sorted(os.listdir(directory)), attempt(os.stat, "b/hard", dir_fd=directory)[stat.ST_NLINK], attempt(os.fsync, directory))
os.close(directory)
say(attempt(os.open, "moved", os.O_WRONLY), attempt(os.open, "moved/soft", os.O_NOFOLLOW), attempt(os.stat, "n" * 256))

# Modes, owners, times; of nodes that cannot be opened, too.
os.mkfifo("fifo", 0o666)
server = socket.socket(socket.AF_UNIX)
server.bind("socket")
for name in ("fifo", "socket", "moved", "moved/b/hard"):
    say(name, shown(name), attempt(os.chmod, name, 0o3741), attempt(os.chown, name, 12, 34), shown(name))
    os.utime(name, ns=(1_000_000_001, 2_000_000_002), follow_symlinks=False)
    say(os.lstat(name).st_mtime_ns, os.lstat(name).st_atime_ns)
os.chown("moved/soft", 5, 6, follow_symlinks=False)
say(shown("moved/soft"))
server.listen()
client = socket.socket(socket.AF_UNIX)
say(attempt(client.connect, "socket"), attempt(client.send, b"x"), server.accept()[0].recv(5))
server.close()
say(attempt(socket.socket(socket.AF_UNIX).connect, "socket"), attempt(os.open, "socket", 0))
read = os.open("fifo", os.O_RDONLY | os.O_NONBLOCK)
write = os.open("fifo", os.O_WRONLY)
say(os.write(write, b"through"), os.read(read, 20))

# A directory that passes its group on, and a sticky one.
os.mkdir("group")
os.chown("group", 0, 77)
os.chmod("group", 0o2775)
os.mkdir("group/sub")
open("group/new", "w").close()
say(shown("group/sub"), shown("group/new"))

# Extended attributes.
path = "moved/b/hard"
say(attempt(os.setxattr, path, "user.one", b"1"), attempt(os.setxattr, path, "user.none", b""), sorted(os.listxattr(path)))
say(os.getxattr(path, "user.one"), os.getxattr(path, "user.none"), attempt(os.getxattr, path, "user.two"))
say(attempt(os.setxattr, path, "user.one", b"", os.XATTR_CREATE), attempt(os.removexattr, path, "user.one"), os.listxattr(path))
say(attempt(os.setxattr, "moved", "user.dir", b"d"), os.listxattr("moved"), attempt(os.setxattr, "fifo", "user.x", b""))

# Locks are seen by other processes here.
with open("locked", "w") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    if os.fork() == 0:
        say(attempt(fcntl.lockf, open("locked", "w"), fcntl.LOCK_EX | fcntl.LOCK_NB) in ("EAGAIN", "EACCES"))
        sys.stdout.flush()
        os._exit(0)
    os.wait()

# Many files.
os.mkdir("many")
for number in range(300):
    open("many/%04d" % number, "w").close()
say(len(os.listdir("many")), sorted(os.listdir("many"))[150])
for name in os.listdir("many"):
    os.unlink("many/" + name)
say(attempt(os.rmdir, "many"), sorted(os.listdir(".")))
say(attempt(os.statvfs, ".").f_namemax)
