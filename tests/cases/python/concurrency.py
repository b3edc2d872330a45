# asyncio, threads and processes together: subprocess pipes, signals in the loop, thread pools, sockets.
import asyncio, concurrent.futures, os, signal, socket, threading

async def shell(command):
    process = await asyncio.create_subprocess_shell(command, stdout=asyncio.subprocess.PIPE)
    return (await process.communicate())[0], process.returncode

async def echo():
    async def serve(reader, writer):
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()
    server = await asyncio.start_server(serve, '127.0.0.1', 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b'hello\n')
    line = await reader.readline()
    writer.close()
    server.close()
    return line

async def main():
    loop = asyncio.get_running_loop()
    print(await asyncio.gather(*(shell(f'echo {i}; exit {i}') for i in range(4))))
    got = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, got.set)
    os.kill(os.getpid(), signal.SIGUSR1)
    await asyncio.wait_for(got.wait(), 5)
    print('signal')
    print(await echo())
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        print(await asyncio.gather(*(loop.run_in_executor(pool, pow, 2, i) for i in range(6))))
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        print(await asyncio.gather(*(loop.run_in_executor(pool, pow, 3, i) for i in range(6))))
    try:
        await asyncio.wait_for(asyncio.sleep(5), 0.02)
    except asyncio.TimeoutError:
        print('timeout')

asyncio.run(main())
local = threading.local()
lock, order = threading.Condition(), []
def turn(number):
    local.value = number
    with lock:
        lock.wait_for(lambda: len(order) == number, 5)
        order.append(local.value)
        lock.notify_all()
threads = [threading.Thread(target=turn, args=(i,)) for i in reversed(range(8))]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(order, threading.active_count())
