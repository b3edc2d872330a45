// fs: sync, promises, streams, watch-free folder work.
const fs = require('fs'), path = require('path');
(async () => {
    fs.mkdirSync('a/b', { recursive: true }); fs.writeFileSync('a/b/f', 'text'); fs.appendFileSync('a/b/f', ' more'); console.log(fs.readFileSync('a/b/f', 'utf8'), fs.statSync('a/b/f').size);
    await Promise.all([...Array(50).keys()].map((i) => fs.promises.writeFile(`a/${i}`, `${i}`))); console.log((await fs.promises.readdir('a')).length);
    fs.symlinkSync('b/f', 'a/l'); console.log(fs.readlinkSync('a/l'), fs.realpathSync('a/l').endsWith('a/b/f')); fs.renameSync('a/1', 'a/one'); fs.copyFileSync('a/one', 'c'); console.log(fs.readFileSync('c', 'utf8'));
    try { fs.readFileSync('missing'); } catch (e) { console.log(e.code, e.syscall); }
    await new Promise((r) => { const w = fs.createWriteStream('big'); for (let i = 0; i < 1000; i++) w.write('x'.repeat(1000)); w.end(r); });
    let n = 0; for await (const chunk of fs.createReadStream('big')) n += chunk.length; console.log(n); fs.rmSync('a', { recursive: true }); console.log(fs.existsSync('a'));
})();
