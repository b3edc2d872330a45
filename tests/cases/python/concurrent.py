# concurrent.futures with threads and processes.
# timeout: 60
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
import time
def work(n): return sum(i * i for i in range(n))
if __name__ == "__main__":
    with ThreadPoolExecutor(8) as e: print(sum(e.map(work, range(100)))); print(sorted(f.result() for f in as_completed([e.submit(pow, 2, n) for n in range(5)])))
    with ProcessPoolExecutor(3) as e: print(list(e.map(work, [10, 100, 1000])))
    with ThreadPoolExecutor(20) as e: start = time.monotonic(); list(e.map(time.sleep, [0.1] * 20)); print(time.monotonic() - start < 1.9)
