# socket and selectors: pairs, servers, datagrams, timeouts, descriptors.
# also: --network host
import array, os, select, selectors, socket, threading
a, b = socket.socketpair(); a.sendall(b"x" * 50000); print(len(b.recv(50000, socket.MSG_WAITALL)))
server = socket.create_server(("127.0.0.1", 0))
def serve():
    c, _ = server.accept()
    with c, c.makefile("rwb") as f:
        for line in f: f.write(line[::-1]); f.flush()
thread = threading.Thread(target=serve); thread.start()
with socket.create_connection(server.getsockname()) as c:
    c.sendall(b"abc\n"); print(c.recv(100))
thread.join()
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("127.0.0.1", 0)); u.settimeout(0.05)
try: u.recv(1)
except TimeoutError: print("timeout")
u.sendto(b"self", u.getsockname()); print(u.recv(10))
r, w = os.pipe(); socket.send_fds(a, [b"fd"], [w]); data, fds, *_ = socket.recv_fds(b, 100000, 1); print(len(fds)); os.write(fds[0], b"via"); print(os.read(r, 10))
s = selectors.DefaultSelector(); s.register(r, selectors.EVENT_READ, "pipe"); print(s.select(0)); os.write(w, b"1"); print([k.data for k, _ in s.select(1)])
print(socket.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)[0][4], socket.gethostbyname("localhost"))
