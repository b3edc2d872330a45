# threading: locks, conditions, timers, queues, many threads.
import queue, threading, time
lock, total = threading.Lock(), 0
def add():
    global total
    for _ in range(2000):
        with lock:
            total += 1
threads = [threading.Thread(target=add) for _ in range(20)]
[t.start() for t in threads]; [t.join() for t in threads]
print(total)
q, results = queue.Queue(5), []
def worker():
    while (item := q.get()) is not None:
        results.append(item * item)
        q.task_done()
workers = [threading.Thread(target=worker) for _ in range(4)]
[w.start() for w in workers]
for i in range(200): q.put(i)
q.join()
for _ in workers: q.put(None)
[w.join() for w in workers]
print(sum(results))
event = threading.Event()
start = time.monotonic()
print(event.wait(0.05), 0.05 <= time.monotonic() - start < 1)
threading.Timer(0.02, event.set).start()
print(event.wait(2))
barrier = threading.Barrier(3)
[threading.Thread(target=barrier.wait).start() for _ in range(2)]
barrier.wait(); print("passed")
local = threading.local(); local.x = 1
def other(): print(hasattr(local, "x"))
t = threading.Thread(target=other); t.start(); t.join()
semaphore = threading.Semaphore(0)
print(semaphore.acquire(timeout=0.01))
