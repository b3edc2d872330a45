# Signals from Python: masks, sigwait, sigtimedwait, queued values, siginterrupt, pidfds.
import os, signal, time, threading
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGUSR2, signal.SIGRTMIN})
os.kill(os.getpid(), signal.SIGUSR1)
os.kill(os.getpid(), signal.SIGUSR1)
print(sorted(signal.sigpending()))
print(signal.sigwait({signal.SIGUSR1}), signal.sigpending())
print(signal.sigtimedwait({signal.SIGUSR2}, 0.01))
for _ in range(3):
    os.kill(os.getpid(), signal.SIGRTMIN)
count = 0
while (info := signal.sigtimedwait({signal.SIGRTMIN}, 0)):
    count += 1
    print(info.si_signo == signal.SIGRTMIN, info.si_code, info.si_pid == os.getpid(), info.si_uid)
print(count)
threading.Timer(0.02, lambda: os.kill(os.getpid(), signal.SIGUSR2)).start()
print(signal.sigwaitinfo({signal.SIGUSR2}).si_signo)
signal.signal(signal.SIGALRM, lambda number, frame: print('alarm'))
signal.setitimer(signal.ITIMER_REAL, 0.02)
start = time.monotonic()
time.sleep(0.06)
print(time.monotonic() - start >= 0.06)
child = os.fork()
if child == 0:
    signal.pause()
fd = os.pidfd_open(child)
signal.pidfd_send_signal(fd, signal.SIGTERM)
print(os.waitid(os.P_PIDFD, fd, os.WEXITED).si_status)
try:
    signal.pidfd_send_signal(fd, 0)
except ProcessLookupError as error:
    print(error)
for number in (0, 65, -1):
    try:
        os.kill(os.getpid(), number)
        print(number, 'sent')
    except OSError as error:
        print(number, error)
try:
    signal.signal(signal.SIGKILL, signal.SIG_IGN)
except OSError as error:
    print(error)
print(signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN)
