"""A client of 9P2000.L, written from the protocol's description and not from our code. Standard input is the connection;
the first argument is the directory that is served, as the host sees it."""

import errno, os, socket, stat, struct, sys

ROOT = sys.argv[1]
connection = socket.socket(fileno=0)
NOFID = 0xFFFFFFFF


def s(text):
    text = text.encode() if isinstance(text, str) else text
    return struct.pack("<H", len(text)) + text


def exactly(count):
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise EOFError("the server has hung up")
        data += piece
    return data


def call(kind, body, tag=1):
    connection.sendall(struct.pack("<IBH", 7 + len(body), kind, tag) + body)
    size, answer, back = struct.unpack("<IBH", exactly(7))
    body = exactly(size - 7)
    assert back == tag, (back, tag)
    if answer == 7:
        raise OSError(struct.unpack("<I", body)[0], kind)
    assert answer == kind + 1, (answer, kind)
    return body


def fails(number, kind, body):
    try:
        call(kind, body)
    except OSError as error:
        assert error.errno == number, (kind, errno.errorcode[error.errno], errno.errorcode[number])
    else:
        raise AssertionError((kind, "worked"))


def version(size=65536, text="9P2000.L"):
    body = call(100, struct.pack("<I", size) + s(text), 0xFFFF)
    size, length = struct.unpack_from("<IH", body)
    return size, body[6 : 6 + length]


def attach(fid, uid=0):
    return qid(call(104, struct.pack("<II", fid, NOFID) + s("root") + s("/") + struct.pack("<I", uid)))


def qid(body, at=0):
    return struct.unpack_from("<BIQ", body, at)


def walk(fid, new, *names):
    body = call(110, struct.pack("<IIH", fid, new, len(names)) + b"".join(map(s, names)))
    (count,) = struct.unpack_from("<H", body)
    return [qid(body, 2 + 13 * index) for index in range(count)]


def clunk(fid):
    assert call(120, struct.pack("<I", fid)) == b""


def getattr(fid):
    body = call(24, struct.pack("<IQ", fid, 0x3FFF))
    assert len(body) == 153
    names = "valid qtype qversion qpath mode uid gid nlink rdev size blksize blocks atime atime_n mtime mtime_n".split()
    return dict(zip(names, struct.unpack_from("<QBIQIIIQQQQQQQQQ", body)))


def setattr(fid, valid, mode=0, uid=0, gid=0, size=0, atime=(0, 0), mtime=(0, 0)):
    return call(26, struct.pack("<IIIIIQQQQQ", fid, valid, mode, uid, gid, size, *atime, *mtime))


def lopen(fid, flags=0):
    return call(12, struct.pack("<II", fid, flags))


def read(fid, offset=0, count=4096):
    body = call(116, struct.pack("<IQI", fid, offset, count))
    (length,) = struct.unpack_from("<I", body)
    assert len(body) == 4 + length
    return body[4:]


def write(fid, data, offset=0):
    body = call(118, struct.pack("<IQI", fid, offset, len(data)) + data)
    return struct.unpack("<I", body)[0]


def readdir(fid, count):
    offset, entries = 0, {}
    while True:
        body = call(40, struct.pack("<IQI", fid, offset, count))
        (length,) = struct.unpack_from("<I", body)
        assert length == len(body) - 4 <= count
        if length == 0:
            return entries
        at = 4
        while at < len(body):
            kind, _, inode, offset, dtype, size = struct.unpack_from("<BIQQBH", body, at)
            name = body[at + 24 : at + 24 + size].decode()
            assert name not in entries
            entries[name] = (kind, inode, dtype)
            at += 24 + size


def host(*names):
    return os.lstat(os.path.join(ROOT, *names))


def lock(fid, kind, start, length, process=1, client="here"):
    body = call(52, struct.pack("<IBIQQI", fid, kind, 0, start, length, process) + s(client))
    return body[0]


# Version: the standard one, with whatever a client adds; nothing else; and sizes are bounded.
assert version(1 << 30) == (128 * 1024, b"9P2000.L")
assert version(8192, "9P2000.L.other") == (8192, b"9P2000.L")
assert version(8192, "9P2000.u")[1] == b"unknown"
assert version() == (65536, b"9P2000.L")
fails(errno.EINVAL, 100, struct.pack("<I", 100) + s("9P2000.L"))
fails(errno.EBADF, 24, struct.pack("<IQ", 0, 0x7FF))

# Attach and walk.
assert attach(0)[0] == 0x80
fails(errno.EBADF, 104, struct.pack("<II", 0, NOFID) + s("") + s("") + struct.pack("<I", 0))
fails(errno.ENOENT, 104, struct.pack("<II", 9, NOFID) + s("") + s("/etc") + struct.pack("<I", 0))
assert getattr(0)["qpath"] == os.stat(ROOT).st_ino
kinds = [found[0] for found in walk(0, 1, "dir", "deep", "file")]
assert kinds == [0x80, 0x80, 0x00], kinds
assert len(walk(0, 2, "dir", "none", "file")) == 1
fails(errno.EBADF, 120, struct.pack("<I", 2))
fails(errno.ENOENT, 110, struct.pack("<IIH", 0, 2, 1) + s("none"))
fails(errno.ENOTDIR, 110, struct.pack("<IIH", 1, 2, 1) + s("x"))
fails(errno.EINVAL, 110, struct.pack("<IIH", 0, 2, 1) + s("dir/deep"))
fails(errno.EINVAL, 110, struct.pack("<IIH", 0, 2, 1) + s(b"a\0b"))
fails(errno.ENAMETOOLONG, 110, struct.pack("<IIH", 0, 2, 1) + s("n" * 256))
fails(errno.EINVAL, 110, struct.pack("<IIH", 0, 2, 17) + s("dir") * 17)
# There is nothing above the root, and links are not followed.
assert walk(0, 2, "..", "dir", "..", "..", "..")[-1][2] == os.stat(ROOT).st_ino
clunk(2)
assert walk(0, 2, "link")[0][0] == 0x02
fails(errno.ENOTDIR, 110, struct.pack("<IIH", 2, 3, 1) + s("passwd"))
assert call(22, struct.pack("<I", 2))[2:] == b"/etc"
fails(errno.ELOOP, 12, struct.pack("<II", 2, 0))
clunk(2)

# Attributes.
found, real = getattr(1), host("dir", "deep", "file")
assert (found["mode"], found["size"], found["qpath"]) == (real.st_mode, real.st_size, real.st_ino)
assert found["valid"] & 0x7FF == 0x7FF and found["mtime"] * 10**9 + found["mtime_n"] == real.st_mtime_ns
setattr(1, 0x1 | 0x8 | 0x100 | 0x20, mode=0o640, size=3, mtime=(1000, 5))
real = host("dir", "deep", "file")
assert (stat.S_IMODE(real.st_mode), real.st_size, real.st_mtime_ns) == (0o640, 3, 1000 * 10**9 + 5)
if os.geteuid() == 0:
    setattr(1, 0x2 | 0x4, uid=12, gid=34)
    assert host("dir", "deep", "file").st_uid == 12 and host("dir", "deep", "file").st_gid == 34

# Reading and writing.
fails(errno.EBADF, 116, struct.pack("<IQI", 1, 0, 5))
lopen(1, os.O_RDWR)
fails(errno.EBUSY, 12, struct.pack("<II", 1, 0))
assert read(1) == b"con" and read(1, 2) == b"n" and read(1, 100) == b""
assert write(1, b"TENT", 3) == 4 and open(ROOT + "/dir/deep/file").read() == "conTENT"
call(50, struct.pack("<II", 1, 0))
call(50, struct.pack("<II", 1, 1))
clunk(1)
walk(0, 1, "dir", "deep", "file")
lopen(1, os.O_WRONLY | os.O_APPEND | os.O_TRUNC)
assert write(1, b"one") == 3 and write(1, b"two") == 3 and open(ROOT + "/dir/deep/file").read() == "onetwo"
fails(errno.EBADF, 116, struct.pack("<IQI", 1, 0, 5))
clunk(1)

# Directories, in pieces.
os.mkdir(ROOT + "/many")
names = ["%03d" % number + "x" * (number % 50) for number in range(300)]
for name in names:
    open(os.path.join(ROOT, "many", name), "w").close()
walk(0, 1, "many")
fails(errno.EBADF, 40, struct.pack("<IQI", 1, 0, 4096))
lopen(1, os.O_DIRECTORY)
for count in (100, 1000, 60000):
    entries = readdir(1, count)
    assert sorted(set(entries) - {".", ".."}) == names, count
    assert all(entries[name][1] == host("many", name).st_ino and entries[name][2] == 8 for name in names)
fails(errno.EINVAL, 40, struct.pack("<IQI", 1, 0, 10))
clunk(1)

# New files.
walk(0, 1)
call(14, struct.pack("<I", 1) + s("new") + struct.pack("<III", os.O_RDWR | os.O_EXCL, 0o4711, os.getegid()))
assert write(1, b"fresh") == 5 and stat.S_IMODE(host("new").st_mode) == 0o4711
clunk(1)
walk(0, 1)
fails(errno.EEXIST, 14, struct.pack("<I", 1) + s("new") + struct.pack("<III", os.O_RDWR | os.O_EXCL, 0o600, 0))
call(14, struct.pack("<I", 1) + s("new") + struct.pack("<III", os.O_RDWR, 0o600, os.getegid()))
assert read(1) == b"fresh"
clunk(1)
me = struct.pack("<I", os.getegid())
call(72, struct.pack("<I", 0) + s("made") + struct.pack("<I", 0o750) + me)
assert stat.S_IMODE(host("made").st_mode) == 0o750
call(16, struct.pack("<I", 0) + s("sym") + s("made/x") + me)
assert os.readlink(ROOT + "/sym") == "made/x"
call(18, struct.pack("<I", 0) + s("pipe") + struct.pack("<III", stat.S_IFIFO | 0o604, 0, 0) + me)
assert host("pipe").st_mode == stat.S_IFIFO | 0o604
walk(0, 1, "pipe")
setattr(1, 0x1, mode=0o620)
assert host("pipe").st_mode == stat.S_IFIFO | 0o620
fails(errno.ENXIO, 12, struct.pack("<II", 1, 0))
clunk(1)
fails(errno.EPERM, 18, struct.pack("<I", 0) + s("dev") + struct.pack("<III", stat.S_IFCHR | 0o600, 1, 3) + me)
for name in (".", "..", "a/b"):
    fails(errno.EINVAL, 72, struct.pack("<I", 0) + s(name) + struct.pack("<I", 0o750) + me)

# Names.
walk(0, 1, "new")
call(70, struct.pack("<II", 0, 1) + s("second"))
assert host("second").st_ino == host("new").st_ino
walk(0, 2, "made")
call(74, struct.pack("<I", 0) + s("second") + struct.pack("<I", 2) + s("third"))
assert host("made", "third").st_nlink == 2
call(20, struct.pack("<II", 1, 2) + s("fourth"))
assert sorted(os.listdir(ROOT + "/made")) == ["fourth", "third"]
lopen(1)
assert read(1) == b"fresh"
call(122, struct.pack("<I", 1))
fails(errno.EBADF, 120, struct.pack("<I", 1))
assert os.listdir(ROOT + "/made") == ["third"]
fails(errno.ENOTEMPTY, 76, struct.pack("<I", 0) + s("made") + struct.pack("<I", 0x200))
fails(errno.EISDIR, 76, struct.pack("<I", 0) + s("made") + struct.pack("<I", 0))
call(76, struct.pack("<I", 2) + s("third") + struct.pack("<I", 0))
call(76, struct.pack("<I", 0) + s("made") + struct.pack("<I", 0x200))
assert not os.path.exists(ROOT + "/made")
clunk(2)
# A name that leads to another file by now.
open(ROOT + "/new", "w").close()
walk(0, 1, "new")
os.rename(ROOT + "/new", ROOT + "/old")
open(ROOT + "/new", "w").write("another")
fails(errno.ESTALE, 12, struct.pack("<II", 1, 0))
fails(errno.ESTALE, 122, struct.pack("<I", 1))
assert os.path.exists(ROOT + "/new") and os.path.exists(ROOT + "/old")

# Extended attributes.
walk(0, 1, "old")
call(32, struct.pack("<I", 1) + s("user.color") + struct.pack("<QI", 4, 0))
assert write(1, b"bl", 0) == 2 and write(1, b"ue", 2) == 2
fails(errno.ENOSPC, 118, struct.pack("<IQI", 1, 4, 1) + b"!")
clunk(1)
assert os.getxattr(ROOT + "/old", "user.color") == b"blue"
walk(0, 1, "old")
assert struct.unpack("<Q", call(30, struct.pack("<II", 1, 2) + s("user.color")))[0] == 4
assert read(2) == b"blue" and read(2, 2, 1) == b"u"
clunk(2)
call(30, struct.pack("<II", 1, 2) + s(""))
assert b"user.color\0" in read(2)
clunk(2)
fails(errno.ENODATA, 30, struct.pack("<II", 1, 2) + s("user.none"))
call(32, struct.pack("<I", 1) + s("user.color") + struct.pack("<QI", 0, 2))
clunk(1)
assert "user.color" not in os.listxattr(ROOT + "/old")

# Locks of this client's processes.
walk(0, 1, "old")
walk(0, 2, "old")
assert lock(1, 1, 0, 10) == 0 and lock(2, 1, 5, 10, 2) == 1 and lock(2, 1, 10, 0, 2) == 0
assert lock(1, 0, 12, 1) == 1 and lock(1, 2, 3, 4) == 0 and lock(2, 0, 3, 4, 2) == 0
body = call(54, struct.pack("<IBQQI", 1, 1, 0, 0, 1) + s("here"))
assert struct.unpack_from("<BQQI", body) in [(1, 10, 0, 2), (0, 3, 4, 2)], body
clunk(2)
assert lock(1, 1, 0, 0) == 0
clunk(1)

# Statistics.
body = call(8, struct.pack("<I", 0))
assert struct.unpack("<IIQQQQQQI", body)[8] == 255

# What is no message of the protocol, and what is not there.
fails(errno.EOPNOTSUPP, 99, b"")
fails(errno.EOPNOTSUPP, 6, b"")
fails(errno.EINVAL, 120, b"\0")
fails(errno.EINVAL, 120, b"\0" * 5)
fails(errno.ENOENT, 102, struct.pack("<I", 5) + s("root") + s("/") + struct.pack("<I", 0))
fails(errno.EOPNOTSUPP, 240, struct.pack("<I", 0) + s("a") + struct.pack("<I", 0) + s("b") + struct.pack("<I", 0))
assert call(108, struct.pack("<H", 77)) == b""
print("all is well")
