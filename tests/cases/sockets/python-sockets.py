# Unix and loopback sockets from Python: options, shutdown, descriptors, timeouts, errors.
# also: --network host
import array, os, socket, threading
a, b = socket.socketpair()
a.sendall(b'x' * 100000 if False else b'hello')
print(b.recv(3, socket.MSG_PEEK), b.recv(100))
a.shutdown(socket.SHUT_WR)
print(b.recv(1), b.send(b'still open'), a.recv(100))
file = os.open('file', os.O_RDWR | os.O_CREAT)
socket.send_fds(b, [b'fd'], [file])
message, fds, flags, _ = socket.recv_fds(a, 10, 5)
print(message, len(fds), os.fstat(fds[0]).st_ino == os.fstat(file).st_ino)
b.settimeout(0.02)
a.close()
try:
    b.send(b'x')
    b.send(b'x')
except BrokenPipeError as error:
    print(error)
server = socket.create_server(('127.0.0.1', 0), backlog=5)
def serve():
    while True:
        connection, _ = server.accept()
        data = connection.recv(100)
        if data == b'end':
            return
        connection.sendall(data[::-1])
        connection.close()
thread = threading.Thread(target=serve)
thread.start()
for text in (b'one', b'two'):
    with socket.create_connection(server.getsockname()) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(text)
        print(client.recv(100), client.recv(100), client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
with socket.create_connection(server.getsockname()) as client:
    client.sendall(b'end')
thread.join()
address = server.getsockname()
server.close()
try:
    socket.create_connection(address)
except ConnectionRefusedError as error:
    print(error)
udp, to = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
udp.bind(('127.0.0.1', 0))
to.sendto(b'datagram', udp.getsockname())
data, source = udp.recvfrom(4)
print(data, source[0])
udp.settimeout(0.02)
try:
    udp.recv(1)
except TimeoutError as error:
    print(error)
listener = socket.socket(socket.AF_UNIX)
listener.bind('path')
listener.listen()
client = socket.socket(socket.AF_UNIX)
client.connect('path')
connection, peer = listener.accept()
print(repr(peer), connection.getsockname(), client.getpeername())
for name in ('missing', 'file'):
    try:
        socket.socket(socket.AF_UNIX).connect(name)
    except OSError as error:
        print(error)
