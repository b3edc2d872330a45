# The other end of a link: servers for what is tried in a container, until standard input ends.
import errno, os, socket, struct, sys, threading

HOST4, HOST6 = sys.argv[1:3]
seen = []


def name(error):
    return errno.errorcode.get(error.errno, str(error))


def echo(s):
    try:
        while part := s.recv(65536):
            s.sendall(part)
    except OSError:
        pass
    s.close()


def reset(s):
    s.recv(1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    s.close()


def slow(s):
    # Takes nothing before it is told to, on a connection to `told`.
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    go.wait()
    go.clear()
    total = 0
    while part := s.recv(65536):
        total += len(part)
    s.sendall(b'%d' % total)
    s.close()


def told(s):
    go.set()
    s.close()


def witness(s):
    # Notes how the connection ends.
    try:
        while s.recv(65536):
            pass
        seen.append('end')
    except OSError as error:
        seen.append(name(error))
    noted.set()


def report(s):
    noted.wait(5)
    noted.clear()
    s.sendall(' '.join(seen).encode())
    seen.clear()
    s.close()


def serve(family, host, port, handle):
    listener = socket.create_server((host, port), family=family)

    def run():
        while True:
            s, _ = listener.accept()
            threading.Thread(target=handle, args=(s,), daemon=True).start()

    threading.Thread(target=run, daemon=True).start()


def datagrams(family, host):
    s = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind((host, 7000))

    def run():
        while True:
            data, peer = s.recvfrom(70000)
            s.sendto(data, peer)

    threading.Thread(target=run, daemon=True).start()


go, noted = threading.Event(), threading.Event()
for family, host in (socket.AF_INET, HOST4), (socket.AF_INET6, HOST6):
    for port, handle in enumerate((echo, reset, slow, told, witness, report), 7000):
        serve(family, host, port, handle)
    datagrams(family, host)
print('ready', flush=True)
sys.stdin.read()
