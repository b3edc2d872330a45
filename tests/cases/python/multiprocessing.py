# multiprocessing: pools, queues, shared values, pipes, managers; fork and spawn.
# timeout: 60
import multiprocessing as mp, os
def square(x): return x * x
def child(queue, value, lock):
    for _ in range(100):
        with lock: value.value += 1
    queue.put(os.getpid() != os.getppid())
def echo(connection):
    while (item := connection.recv()) is not None: connection.send(item[::-1])
if __name__ == "__main__":
    with mp.Pool(3) as pool:
        print(pool.map(square, range(10)), sum(pool.imap_unordered(square, range(100))))
    for method in "fork", "spawn":
        context = mp.get_context(method)
        queue, value, lock = context.Queue(), context.Value("i", 0), context.Lock()
        processes = [context.Process(target=child, args=(queue, value, lock)) for _ in range(3)]
        [p.start() for p in processes]
        print(method, all(queue.get() for _ in processes))
        [p.join() for p in processes]
        print(value.value, [p.exitcode for p in processes])
    a, b = mp.Pipe()
    p = mp.Process(target=echo, args=(b,)); p.start()
    a.send("x" * 100000 + "y"); print(len(a.recv())); a.send(None); p.join()
    array = mp.Array("d", [1, 2, 3]); print(list(array))
    with mp.Manager() as manager:
        d = manager.dict(); d["k"] = 1; print(dict(d))
    p = mp.Process(target=os._exit, args=(7,)); p.start(); p.join(); print(p.exitcode)
