# asyncio: tasks, subprocesses, sockets, signals, threads.
# also: --network host
import asyncio, os, signal
async def main():
    order = []
    async def task(n):
        await asyncio.sleep(0.1 * n); order.append(n)
    await asyncio.gather(*(task(n) for n in (3, 1, 2))); print(order)
    p = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1)
    print((await p.communicate(b"through cat"))[0], p.returncode)
    p = await asyncio.create_subprocess_shell("exit 5"); print(await p.wait())
    async def serve(reader, writer):
        writer.write((await reader.readline()).upper()); await writer.drain(); writer.close()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async def client(i):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello %d\n" % i); line = await reader.readline(); writer.close(); return line
    print(await asyncio.gather(*(client(i) for i in range(10))))
    server.close()
    unix = await asyncio.start_unix_server(serve, "sock")
    reader, writer = await asyncio.open_unix_connection("sock"); writer.write(b"unix\n"); print(await reader.readline())
    unix.close()
    got = asyncio.Event(); asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, got.set)
    os.kill(os.getpid(), signal.SIGUSR1); await asyncio.wait_for(got.wait(), 2); print("signal")
    try: await asyncio.wait_for(asyncio.sleep(5), 0.05)
    except asyncio.TimeoutError: print("timeout")
    print(await asyncio.to_thread(sum, range(1000)))
asyncio.run(main())
