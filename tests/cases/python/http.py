# http.server and urllib over loopback, with threads.
# also: --network host
import http.server, threading, urllib.request
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self): self.send_response(200); self.end_headers(); self.wfile.write(b"path " + self.path.encode())
    def do_POST(self): n = int(self.headers["Content-Length"]); self.send_response(201); self.end_headers(); self.wfile.write(b"%d" % len(self.rfile.read(n)))
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler); threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"
print(urllib.request.urlopen(base + "/a").read()); r = urllib.request.urlopen(base, data=b"x" * 300000); print(r.status, r.read())
def get(i): results[i] = urllib.request.urlopen(f"{base}/{i}").read()
results = {}; threads = [threading.Thread(target=get, args=(i,)) for i in range(20)]; [t.start() for t in threads]; [t.join() for t in threads]; print(len(results), results[7])
server.shutdown()
