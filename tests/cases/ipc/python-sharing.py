# multiprocessing: shared memory, locks, queues, pools and managers.
import multiprocessing as mp
from multiprocessing import shared_memory

def fill(name, lock, value):
    segment = shared_memory.SharedMemory(name)
    with lock:
        for i in range(10):
            segment.buf[i] += value
    segment.close()

def square(x):
    return x * x

def produce(queue):
    for i in range(5):
        queue.put(i)
    queue.put(None)

if __name__ == '__main__':
    mp.set_start_method('fork')
    segment = shared_memory.SharedMemory(create=True, size=100)
    lock = mp.Lock()
    workers = [mp.Process(target=fill, args=(segment.name, lock, i + 1)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(bytes(segment.buf[:12]), [worker.exitcode for worker in workers])
    segment.close()
    segment.unlink()
    with mp.Pool(3) as pool:
        print(pool.map(square, range(10)))
    queue = mp.Queue()
    producer = mp.Process(target=produce, args=(queue,))
    producer.start()
    print(list(iter(queue.get, None)))
    producer.join()
    value = mp.Value('i', 0)
    def add():
        for _ in range(100):
            with value.get_lock():
                value.value += 1
    adders = [mp.Process(target=add) for _ in range(3)]
    [adder.start() for adder in adders]
    [adder.join() for adder in adders]
    print(value.value)
    semaphore = mp.BoundedSemaphore(2)
    print(semaphore.acquire(), semaphore.acquire(), semaphore.acquire(timeout=0.01))
    barrier = mp.Barrier(2)
    other = mp.Process(target=barrier.wait)
    other.start()
    barrier.wait()
    other.join()
    print(other.exitcode)
