# Thread identities, names, exceptions, daemon threads, stack sizes, fork beside threads.
import os, queue, threading, time
threading.stack_size(256 * 1024)
names = []
def work(items):
    while (item := items.get()) is not None:
        names.append(item * 2)
        items.task_done()
items = queue.Queue(3)
workers = [threading.Thread(target=work, args=(items,), name=f'worker {i}') for i in range(5)]
[worker.start() for worker in workers]
for i in range(100):
    items.put(i)
items.join()
for _ in workers:
    items.put(None)
[worker.join() for worker in workers]
print(sum(names), len({worker.native_id for worker in workers}) == 5)
print(threading.main_thread().native_id == os.getpid(), threading.get_native_id() == os.getpid())
def fail():
    raise ValueError('in a thread')
threading.excepthook = lambda arguments: print(arguments.exc_type.__name__, arguments.exc_value)
thread = threading.Thread(target=fail)
thread.start()
thread.join()
event = threading.Event()
beside = threading.Thread(target=event.wait)
beside.start()
child = os.fork()
if child == 0:
    print('threads in the child', len(os.listdir('/proc/self/task')), flush=True)
    os._exit(0)
os.waitpid(child, 0)
print('threads here', len(os.listdir('/proc/self/task')))
event.set()
beside.join()
lock = threading.Lock()
lock.acquire()
start = time.monotonic()
print(lock.acquire(timeout=0.03), time.monotonic() - start >= 0.03)
timer = threading.Timer(0.02, lock.release)
timer.start()
print(lock.acquire(timeout=5))
threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
print('ends with a thread asleep')
