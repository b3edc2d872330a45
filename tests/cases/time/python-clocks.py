# Clocks: they agree, go forward, have a resolution; who may set them.
import os, time, threading
for name in ('REALTIME', 'MONOTONIC', 'MONOTONIC_RAW', 'BOOTTIME', 'PROCESS_CPUTIME_ID', 'THREAD_CPUTIME_ID', 'TAI'):
    clock = getattr(time, 'CLOCK_' + name)
    one = time.clock_gettime_ns(clock)
    two = time.clock_gettime_ns(clock)
    print(name, one <= two, time.clock_getres(clock))
print(abs(time.time() - time.clock_gettime(time.CLOCK_REALTIME)) < 1)
print(time.clock_gettime(time.CLOCK_BOOTTIME) >= time.clock_gettime(time.CLOCK_MONOTONIC) - 1)
for clock in (-1, 99):
    try:
        time.clock_gettime(clock)
    except OSError as error:
        print(error)
thread = threading.Thread(target=lambda: sum(range(3000000)))
before = time.thread_time(), time.process_time()
thread.start()
thread.join()
print(time.thread_time() - before[0] < time.process_time() - before[1])
print(time.clock_gettime(time.pthread_getcpuclockid(threading.get_ident())) > 0)
start = time.monotonic()
time.sleep(0.03)
print(0.03 <= time.monotonic() - start < 1)
