# What /proc/net tells of sockets: the columns, of the sockets that this program has made.
import os
import socket
import tempfile


def inode(sock):
    return os.fstat(sock.fileno()).st_ino


def lines(name):
    with open(f"/proc/net/{name}") as file:
        return file.read().split("\n")


def show(what, name, sock, skip=()):
    """The line of a socket, without what differs from run to run."""
    place = {"unix": 6, "raw": 9, "raw6": 9}.get(name, 9)
    for line in lines(name)[1:]:
        words = line.split()
        if len(words) > place and words[place] == str(inode(sock)):
            width = len(line)
            words[place] = "INODE"
            words[0] = "N:"
            for index in skip:
                words[index] = "-"
            # Where the kernel has its structures is not for everybody.
            words = [word for index, word in enumerate(words) if not (name != "unix" and index == 11)]
            print(what, name, " ".join(words), width if name in ("tcp", "udp") else "")
            return
    print(what, name, "is not listed")


def ends(sock):
    """Ports of both ends, as they are shown."""
    port = lambda address: f"{address[1]:04X}"
    return port(sock.getsockname()), port(sock.getpeername())


for name in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6", "icmp", "icmp6", "unix", "arp", "route", "dev", "if_inet6"):
    print(name, repr(lines(name)[0]) if name != "if_inet6" else len(lines(name)[0].split()))
    print(name, "mode", oct(os.stat(f"/proc/net/{name}").st_mode))

# Addresses are words of memory; ports are chosen, so that they are shown only by being the same.
for family, host, name in ((socket.AF_INET, "127.0.0.1", "tcp"), (socket.AF_INET6, "::1", "tcp6")):
    unbound = socket.socket(family)
    show("unbound", name, unbound)
    listener = socket.socket(family)
    listener.bind((host, 0))
    show("bound", name, listener)
    listener.listen(5)
    show("listens", name, listener, skip=[1])
    port = listener.getsockname()[1]
    client = socket.create_connection((host, port))
    show("one waits", name, listener, skip=[1])
    waiting = [line.split() for line in lines(name)[1:] if f":{port:04X} " in line]
    print("listed:", sorted((words[3], words[9] == "0") for words in waiting))
    server, _ = listener.accept()
    for end in (client, server):
        own, peer = ends(end)
        line = next(line.split() for line in lines(name)[1:] if f" {inode(end)} " in line)
        print(line[1].endswith(own), line[2].endswith(peer), line[1][:-5], line[2][:-5], line[3:9])
    client.sendall(b"12345")
    line = next(line.split() for line in lines(name)[1:] if f" {inode(server)} " in line)
    print("unread:", line[4])
    client.shutdown(socket.SHUT_WR)
    line = lambda sock: next((line.split()[3] for line in lines(name)[1:] if f" {inode(sock)} " in line), None)
    # On Linux the answer of the other end takes a moment.
    while line(client) == "04":
        pass
    print("half shut:", line(client), line(server))
    for sock in (client, server, listener):
        sock.close()

for family, host, name in ((socket.AF_INET, "127.0.0.1", "udp"), (socket.AF_INET6, "::1", "udp6")):
    one, two = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
    show("unbound", name, one)
    one.bind((host, 0))
    two.connect(one.getsockname())
    two.send(b"1234")
    show("bound", name, one, skip=[1, 4])
    show("connected", name, two, skip=[1, 2])

directory = tempfile.mkdtemp()
listener = socket.socket(socket.AF_UNIX)
show("unbound", "unix", listener)
listener.bind(directory + "/name")
listener.listen(1)
with open("/proc/net/unix") as file:
    line = next(line for line in file if f" {inode(listener)} " in line)
words = line.split()
print(words[1:6], words[7] == directory + "/name")
client = socket.socket(socket.AF_UNIX)
client.connect(directory + "/name")
server, _ = listener.accept()
show("client", "unix", client)
abstract = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = f"\0case-{os.getpid()}\0end"
abstract.bind(name)
with open("/proc/net/unix") as file:
    words = next(line.split() for line in file if f" {inode(abstract)} " in line)
print(words[1:6], words[7] == name.replace("\0", "@"))
one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
show("pair", "unix", one)
os.unlink(directory + "/name")
os.rmdir(directory)

used = lambda: {words[0]: words[1:] for words in (line.split() for line in lines("sockstat")) if words}
before = int(used()["sockets:"][1])
more = [socket.socket() for _ in range(5)]
print("sockstat", int(used()["sockets:"][1]) - before, [words[0::2] for words in used().values()])

# Interfaces, as files.
here = "/sys/class/net/lo"
print(os.readlink(here), sorted(os.listdir("/sys/class/net")) == sorted(name for _, name in socket.if_nameindex()))
for name in ("address", "addr_len", "broadcast", "carrier", "flags", "ifindex", "iflink", "mtu", "operstate", "type",
             "uevent", "dormant", "link_mode", "ifalias"):
    with open(f"{here}/{name}") as file:
        print(name, repr(file.read()))
print(len(os.listdir(here + "/statistics")) >= 20)
