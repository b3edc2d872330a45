"""Unix sockets in the directory given, until a client says that it is the last one."""
import array, os, socket, sys, threading

os.chdir(sys.argv[1])
os.umask(0)
over = threading.Event()


def named(name, kind):
    bound = socket.socket(socket.AF_UNIX, kind)
    bound.bind(name)
    return bound


def echo(connection):
    with connection:
        while data := connection.recv(65536):
            if data == b'rights':
                files = array.array('i', [sys.stdin.fileno()])
                connection.sendmsg([b'taken'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)])
            elif data == b'over':
                over.set()
            else:
                connection.sendall(data.swapcase())


def accept(listener):
    while True:
        threading.Thread(target=echo, args=(listener.accept()[0],), daemon=True).start()


def datagrams(bound):
    while True:
        data, sender = bound.recvfrom(65536)
        with open('heard', 'a') as file:
            file.write(f'{len(data)} {data[:8]} {bool(sender)}\n')


for name, kind in ('stream', socket.SOCK_STREAM), ('packets', socket.SOCK_SEQPACKET):
    listener = named(name, kind)
    listener.listen(8)
    threading.Thread(target=accept, args=(listener,), daemon=True).start()
threading.Thread(target=datagrams, args=(named('datagrams', socket.SOCK_DGRAM),), daemon=True).start()
named('deaf', socket.SOCK_STREAM).close()
full = named('full', socket.SOCK_STREAM)
full.listen(0)
waiting = socket.socket(socket.AF_UNIX)
waiting.connect('full')
print('ready', flush=True)
over.wait(15)
