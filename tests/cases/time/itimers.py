# setitimer(2) on all three clocks, and what is left of them.
import os, signal, time
seen = []
for name, which in (('ALRM', signal.ITIMER_REAL), ('VTALRM', signal.ITIMER_VIRTUAL), ('PROF', signal.ITIMER_PROF)):
    signal.signal(getattr(signal, 'SIG' + name), lambda number, frame: seen.append(signal.Signals(number).name))
    print(signal.setitimer(which, 0.02, 0.02))
    end = time.monotonic() + 5
    while len(seen) < 3 and time.monotonic() < end:
        pass
    left, interval = signal.setitimer(which, 0)
    print(seen[:3], 0 <= left <= 0.02, round(interval, 3), signal.getitimer(which))
    seen.clear()
try:
    signal.setitimer(7, 1)
except Exception as error:
    print(type(error).__name__, error, flush=True)
signal.setitimer(signal.ITIMER_REAL, 100)
child = os.fork()
if child == 0:
    print('not inherited', signal.getitimer(signal.ITIMER_REAL), flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(signal.alarm(5), signal.alarm(0))
