# What a container sees of a link, as client of peer.py; prints the same under any runtime.
import array, errno, fcntl, os, select, socket, struct, sys, termios, time

PEER4, PEER6, OWN4, OWN6 = sys.argv[1:5]
NAMES = {1: 'IN', 2: 'PRI', 4: 'OUT', 8: 'ERR', 16: 'HUP', 0x2000: 'RDHUP'}


def name(error):
    return errno.errorcode.get(error.errno, str(error)) if error.errno else type(error).__name__


def attempt(what, action):
    try:
        result = action()
    except OSError as error:
        result = name(error)
    print(what, result, flush=True)


def events(s, timeout=0, wanted=0x2007):
    poller = select.poll()
    poller.register(s, wanted)
    found = poller.poll(timeout)
    return '+'.join(text for bit, text in NAMES.items() if found and found[0][1] & bit) or 'nothing'


def connect(host, port):
    s = socket.create_connection((host, port), 10)
    s.settimeout(None)
    return s


def number(s, request):
    value = array.array('i', [0])
    fcntl.ioctl(s, request, value)
    return value[0]


def receive_all(s):
    parts = []
    while part := s.recv(65536):
        parts.append(part)
    return b''.join(parts)


def until(condition):
    deadline = time.time() + 5
    while not condition() and time.time() < deadline:
        time.sleep(0.001)
    return condition()


for peer, own in (PEER4, OWN4), (PEER6, OWN6):
    # Streams: an echo by halves.
    s = connect(peer, 7000)
    print(s.getsockname()[0] == own, s.getpeername()[:2] == (peer, 7000), 32768 <= s.getsockname()[1] < 61000)
    print('idle', events(s))
    data = bytes(range(256)) * 300
    s.sendall(data)
    print('peek', s.recv(5, socket.MSG_PEEK), s.recv(5, socket.MSG_PEEK | socket.MSG_WAITALL))
    print('readable', events(s, 5000, 0x2001), number(s, termios.FIONREAD) > 0)
    s.shutdown(socket.SHUT_WR)
    attempt('send after shutdown', lambda: s.send(b'x'))
    print('all back', receive_all(s) == data)
    print('ended', events(s))
    attempt('recv at the end', lambda: s.recv(1))
    print('unsent', until(lambda: number(s, termios.TIOCOUTQ) == 0))
    s.close()

    # Resets.
    s = connect(peer, 7001)
    s.send(b'x')
    print('reset', events(s, 5000, 0x2001))
    attempt('recv', lambda: s.recv(1))
    attempt('recv', lambda: s.recv(1))
    attempt('send', lambda: s.send(b'x'))
    attempt('getpeername', s.getpeername)
    s.close()

    # Refusals.
    family = s.family
    s = socket.socket(family)
    attempt('refused', lambda: s.connect((peer, 9)))
    s = socket.socket(family)
    s.setblocking(False)
    attempt('refused later', lambda: s.connect((peer, 9)))
    print('refused', events(s, 5000), errno.errorcode[s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)])
    print('and then', s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    s = socket.socket(family)
    s.setblocking(False)
    attempt('connect', lambda: s.connect((peer, 7000)))
    print('connected', events(s, 5000), s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    attempt('again', lambda: s.connect((peer, 7000)))
    attempt('and again', lambda: s.connect((peer, 7000)))
    attempt('nothing there', lambda: s.recv(1))
    s.settimeout(0.05)
    attempt('a while', lambda: s.recv(1))
    s.settimeout(None)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('ll', 0, 50000))
    attempt('SO_RCVTIMEO', lambda: s.recv(1))
    s.shutdown(socket.SHUT_RD)
    attempt('recv after shutdown', lambda: s.recv(1))
    print('shut', events(s))
    for level, option, value in (
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 7),
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 9000),
    ):
        s.setsockopt(level, option, value)
        print('option', option, s.getsockopt(level, option))
    s.close()

    # Edges of epoll.
    s = connect(peer, 7000)
    epoll = select.epoll()
    epoll.register(s, select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET)
    print('edge', [bits for _, bits in epoll.poll(1)])
    print('no edge', epoll.poll(0.05))
    s.send(b'one')
    print('edge', [bits & select.EPOLLIN for _, bits in epoll.poll(5)])
    s.send(b'two')
    print('another', [bits & select.EPOLLIN for _, bits in epoll.poll(5)])
    s.close()
    epoll.close()

    # A reader that does not read.
    s = connect(peer, 7002)
    s.setblocking(False)
    sent, idle = 0, 0
    while idle < 20:
        try:
            sent += s.send(b'x' * 65536)
            idle = 0
        except BlockingIOError:
            idle += 1
            time.sleep(0.01)
    print('full', sent > 65536)
    connect(peer, 7003).close()
    print('room', events(s, 10000))
    s.setblocking(True)
    s.shutdown(socket.SHUT_WR)
    print('all of it', int(receive_all(s)) == sent)
    s.close()

    # How ends are seen there.
    s = connect(peer, 7004)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    s.close()
    print('seen', receive_all(connect(peer, 7005)))

    # Addresses.
    s, other = socket.socket(family), socket.socket(family)
    s.bind((own, 0))
    attempt('the same', lambda: other.bind(s.getsockname()))
    attempt('not ours', lambda: other.bind((peer, 0)))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.connect((peer, 7000))
    print('bound', s.getsockname()[0] == own)
    local = '127.0.0.1' if family == socket.AF_INET else '::1'
    listener = socket.create_server(('' if family == socket.AF_INET else '::', 0), family=family)
    for host in own, local:
        s = connect(host, listener.getsockname()[1])
        there, address = listener.accept()
        print('inside', address == s.getsockname(), there.getsockname()[0] == host)

    # Datagrams.
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.settimeout(10)
    for length in 0, 1, 1400, 1473, 20000, 65000:
        s.sendto(bytes(length), (peer, 7000))
        data, address = s.recvfrom(70000)
        print('datagram', len(data), address[:2] == (peer, 7000))
    s.connect((peer, 7000))
    print(s.getsockname()[0] == own)
    s.send(b'hello')
    print('peek', s.recv(2, socket.MSG_PEEK), events(s))
    print('cut', s.recvmsg(2)[2] & socket.MSG_TRUNC != 0)
    s.settimeout(None)
    attempt('none', lambda: s.recv(1, socket.MSG_DONTWAIT))
    attempt('too long', lambda: s.send(bytes(66000)))
    s.connect((peer, 9))
    attempt('send', lambda: s.send(b'x'))
    attempt('refused', lambda: s.recv(1))
    s.close()

# Nobody answers there, and nothing leads there.
family = socket.AF_INET
s = socket.socket(family)
attempt('silence', lambda: s.connect((OWN4.rsplit('.', 1)[0] + '.77', 9)))
attempt('no way', lambda: socket.socket(socket.AF_INET6).connect(('2001:db8::1', 9)))
attempt('no way', lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).connect(('2001:db8::1', 9)))
s = socket.socket(family)
s.bind(('127.0.0.1', 0))
attempt('from here', lambda: s.connect((PEER4, 7000)))
attempt('broadcast', lambda: socket.socket(family, socket.SOCK_DGRAM).sendto(b'x', ('255.255.255.255', 9)))
