# select, poll and epoll with timeouts, closed ends, and a signal by set_wakeup_fd.
import os, select, signal, time
read, write = os.pipe()
start = time.monotonic()
print(select.select([read], [], [], 0.02), time.monotonic() - start >= 0.02)
print([len(part) for part in select.select([read], [write], [], 0)])
poll = select.poll()
poll.register(read, select.POLLIN | select.POLLPRI)
print(poll.poll(0))
os.write(write, b'x')
print([event for _, event in poll.poll(100)])
os.close(write)
print([event for _, event in poll.poll(100)])
os.read(read, 1)
print([event for _, event in poll.poll(100)])
poll.register(999, select.POLLIN)
print(sorted(event for _, event in poll.poll(100)))
os.close(read)
print(sorted(event for _, event in poll.poll(100)))
try:
    select.select([read], [], [], 0)
except OSError as error:
    print(error)
a, b = os.pipe2(os.O_NONBLOCK)
signal.set_wakeup_fd(b)
signal.signal(signal.SIGUSR1, lambda number, frame: print('handler'))
epoll = select.epoll()
epoll.register(a, select.EPOLLIN | select.EPOLLET)
os.kill(os.getpid(), signal.SIGUSR1)
print([event for _, event in epoll.poll(1)])
print(epoll.poll(0))
print(os.read(a, 10) == bytes([signal.SIGUSR1]))
try:
    epoll.register(a, select.EPOLLIN)
except OSError as error:
    print(error)
try:
    epoll.register(os.open('/etc/passwd', os.O_RDONLY), select.EPOLLIN)
except OSError as error:
    print(error)
epoll.unregister(a)
try:
    epoll.modify(a, select.EPOLLIN)
except OSError as error:
    print(error)
