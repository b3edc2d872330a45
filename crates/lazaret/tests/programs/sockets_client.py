"""What a client sees of `sockets_server.py`, whose sockets are in the directory given."""
import errno, os, select, socket, sys, time

os.chdir(sys.argv[1])


def connected(name, kind):
    client = socket.socket(socket.AF_UNIX, kind)
    client.settimeout(10)
    client.connect(name)
    return client


def outcome(call, *arguments):
    try:
        return call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]


def file_mode(path):
    return oct(os.stat(path).st_mode)


print(file_mode('stream'))
stream = connected('stream', socket.SOCK_STREAM)
print(repr(stream.getpeername()), repr(stream.getsockname()))
stream.sendall(b'hello')
print(stream.recv(100))
print(stream.recv(100, socket.MSG_DONTWAIT) if select.select([stream], [], [], 0)[0] else 'nothing yet')
large = bytes(range(97, 123)) * 40000
sent, got = 0, b''
stream.setblocking(False)
poller = select.epoll()
poller.register(stream, select.EPOLLIN | select.EPOLLOUT)
while len(got) < len(large):
    for _, events in poller.poll(10):
        if events & select.EPOLLOUT and sent < len(large):
            sent += stream.send(large[sent:sent + 50000])
            if sent == len(large):
                poller.modify(stream, select.EPOLLIN)
        if events & select.EPOLLIN:
            got += stream.recv(65536)
print(sent, got == large.upper())
stream.settimeout(10)
print(outcome(stream.connect, 'stream'))
stream.shutdown(socket.SHUT_WR)
print(stream.recv(100), outcome(stream.send, b'x'))
packets = connected('packets', socket.SOCK_SEQPACKET)
for text in b'one', b'three', b'':
    packets.send(text)
    if text:
        print(packets.recv(2, socket.MSG_PEEK), packets.recvmsg(4)[0::2])
print(outcome(connected, 'missing', socket.SOCK_STREAM), outcome(connected, 'heard', socket.SOCK_STREAM))
print(outcome(connected, 'deaf', socket.SOCK_STREAM), outcome(connected, 'datagrams', socket.SOCK_STREAM))
late = socket.socket(socket.AF_UNIX)
late.setblocking(False)
print(outcome(late.connect, 'full'))
late.settimeout(None)
late.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, (0).to_bytes(8, 'little') + (100000).to_bytes(8, 'little'))
print(outcome(late.connect, 'full'))
datagrams = connected('datagrams', socket.SOCK_DGRAM)
print(datagrams.send(b'first'), repr(datagrams.getpeername()))
other = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
print(other.sendto(b'second', 'datagrams'), outcome(other.send, b'x'), outcome(other.sendto, b'x', 'stream'))
deadline = time.monotonic() + 10
while (not os.path.exists('heard') or open('heard').read().count('\n') < 2) and time.monotonic() < deadline:
    time.sleep(0.01)
print(open('heard').read())
