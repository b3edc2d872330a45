# multiprocessing.shared_memory between processes.
from multiprocessing import Process, shared_memory
def child(name):
    memory = shared_memory.SharedMemory(name)
    memory.buf[0] = 42
    memory.close()
if __name__ == "__main__":
    memory = shared_memory.SharedMemory(create=True, size=10000)
    p = Process(target=child, args=(memory.name,)); p.start(); p.join()
    print(memory.buf[0], memory.size >= 10000)
    memory.close(); memory.unlink()
    try: shared_memory.SharedMemory(memory.name)
    except FileNotFoundError: print("gone")
