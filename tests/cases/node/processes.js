// child_process: exec, spawn, pipes, signals, exit codes.
const { execSync, spawnSync, spawn, fork } = require('child_process');
console.log(execSync('echo out').toString().trim(), spawnSync('sh', ['-c', 'exit 3']).status, spawnSync('sleep', ['5'], { timeout: 100 }).signal, spawnSync('/missing').error.code);
console.log(spawnSync('cat', { input: 'x'.repeat(1000000) , maxBuffer: 1 << 22 }).stdout.length);
const child = spawn('cat');
child.stdout.on('data', (d) => { console.log('data', d.toString()); child.kill(); });
child.on('exit', (code, signal) => {
    console.log('exit', code, signal);
    if (process.argv[2] !== 'child') {
        const f = fork(__filename, ['child'], { execArgv: [], silent: true });
        f.on('exit', (c) => console.log('forked', c));
    }
});
child.stdin.write('hello');
