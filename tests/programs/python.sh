cd "$WORK"
cat > p.py <<'X'
import asyncio, ctypes, mmap, multiprocessing, os, select, signal, socket, sqlite3, subprocess, threading

def square(x):
    return x * x

async def talk():
    process = await asyncio.create_subprocess_exec('cat', stdin=-1, stdout=-1)
    print(await process.communicate(b'async'))
    server = await asyncio.start_server(lambda r, w: (w.write(b'hi'), w.close()), '127.0.0.1', 0)
    reader, writer = await asyncio.open_connection('127.0.0.1', server.sockets[0].getsockname()[1])
    print(await reader.read())
    writer.close()
    server.close()
    print(await asyncio.gather(*[asyncio.sleep(0.01 * i, i) for i in range(5)]))

if __name__ == '__main__':
    print(subprocess.run(['sh', '-c', 'echo sub; exit 3'], capture_output=True))
    done = []
    threads = [threading.Thread(target=done.append, args=(i,)) for i in range(50)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    print(sorted(done) == list(range(50)))
    for method in ('fork', 'spawn'):
        with multiprocessing.get_context(method).Pool(3) as pool:
            print(pool.map(square, range(10)))
    asyncio.run(talk())
    base = sqlite3.connect('t.db')
    base.execute('pragma journal_mode=wal')
    base.execute('create table t(a)')
    base.executemany('insert into t values(?)', [(i,) for i in range(1000)])
    base.commit()
    print(base.execute('select sum(a) from t').fetchone())
    shared = mmap.mmap(-1, 8192)
    if os.fork() == 0:
        shared[:5] = b'child'
        os._exit(0)
    os.wait()
    print(shared[:5], ctypes.CDLL(None).abs(-5))
    a, b = socket.socketpair()
    a.send(b'x')
    print(select.select([b], [], [], 1)[0] == [b])
    signal.signal(signal.SIGALRM, lambda *_: print('alarm'))
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    signal.pause()
X
python3 p.py
python3 -m venv --without-pip venv && venv/bin/python -c 'import sys; print(sys.prefix != sys.base_prefix)'
