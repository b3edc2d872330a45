"""A server in the directory given; tells who has come, and ends after three connections and a datagram."""
import os, select, socket, sys

os.chdir(sys.argv[1])
os.umask(0o27)
listener = socket.socket(socket.AF_UNIX)
listener.bind('made')
print(oct(os.stat('made').st_mode), repr(listener.getsockname()), flush=True)
datagrams = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
datagrams.bind('heard')
again = socket.socket(socket.AF_UNIX)
try:
    again.bind('made')
except OSError as error:
    print(error.errno)
sys.stdin.readline()
listener.listen(4)
listener.settimeout(10)
inside = socket.socket(socket.AF_UNIX)
inside.connect('made')
inside.sendall(b'from inside')
print('listens', flush=True)
for _ in range(3):
    ready = select.select([listener], [], [], 10)[0]
    connection, peer = listener.accept()
    connection.settimeout(10)
    print(bool(ready), repr(peer), connection.recv(100), repr(connection.getsockname()))
    connection.sendall(b'answer')
    connection.close()
print(inside.recv(100))
datagrams.settimeout(10)
select.select([datagrams], [], [], 10)
print(datagrams.recv(100))
listener.close()
print('closed', flush=True)
sys.stdin.readline()
os.unlink('made')
print(os.listdir('.'))
