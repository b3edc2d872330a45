// net and http over loopback and a Unix socket.
const http = require('http'), net = require('net');
const server = http.createServer((q, s) => { let n = 0; q.on('data', (d) => (n += d.length)).on('end', () => s.end(`${q.method} ${q.url} ${n}`)); });
server.listen(0, '127.0.0.1', async () => {
    const port = server.address().port;
    const get = (p, body) => new Promise((r) => { const q = http.request({ port, host: '127.0.0.1', path: p, method: body ? 'POST' : 'GET' }, (s) => { let t = ''; s.on('data', (d) => (t += d)).on('end', () => r(t)); }); q.end(body); });
    console.log(await get('/a'), await get('/b', 'x'.repeat(200000)), (await Promise.all([...Array(20).keys()].map((i) => get(`/${i}`)))).length);
    server.close(); server.closeAllConnections?.();
    const unix = net.createServer((c) => c.end('unix')).listen('sock', () => net.connect('sock').on('data', (d) => console.log(d.toString())).on('close', () => unix.close()));
    net.connect(1, '127.0.0.1').on('error', (e) => console.log(e.code));
});
