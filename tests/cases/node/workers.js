// worker_threads, timers, crypto in the pool, signals.
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads'), crypto = require('crypto'), os = require('os');
if (!isMainThread) { const a = new Int32Array(workerData); for (let i = 0; i < 1000; i++) Atomics.add(a, 0, 1); parentPort.postMessage('done'); }
else {
    const shared = new SharedArrayBuffer(4); let left = 4;
    for (let i = 0; i < 4; i++) new Worker(__filename, { workerData: shared }).on('exit', () => {
        if (--left) return;
        console.log(new Int32Array(shared)[0], os.platform(), os.cpus().length > 0, os.totalmem() > 0);
        Promise.all([1, 2, 3, 4].map((i) => new Promise((r) => crypto.pbkdf2('p', 's' + i, 1000, 16, 'sha256', (e, k) => r(k.toString('hex')))))).then((k) => { console.log(k.join()); const start = Date.now(); setTimeout(() => { console.log(Date.now() - start >= 49); process.kill(process.pid, 'SIGUSR2'); }, 50); });
        const keep = setInterval(() => {}, 1000); process.once('SIGUSR2', () => { console.log('signal'); clearInterval(keep); });
    });
}
