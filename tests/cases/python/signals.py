# signal: handlers, alarms, wakeup descriptors, waiting.
import os, signal, time
got = []
signal.signal(signal.SIGUSR1, lambda s, f: got.append(s)); os.kill(os.getpid(), signal.SIGUSR1); time.sleep(0.01); print(got)
signal.signal(signal.SIGALRM, lambda s, f: got.append("alarm")); signal.setitimer(signal.ITIMER_REAL, 0.3); signal.pause(); print(got)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2]); os.kill(os.getpid(), signal.SIGUSR2); print(signal.sigpending(), signal.sigwait([signal.SIGUSR2]))
r, w = os.pipe(); os.set_blocking(w, False); signal.set_wakeup_fd(w); os.kill(os.getpid(), signal.SIGUSR1); print(os.read(r, 1))
def stop(s, f): raise KeyboardInterrupt
signal.signal(signal.SIGTERM, stop)
try:
    signal.setitimer(signal.ITIMER_REAL, 0); os.kill(os.getpid(), signal.SIGTERM); time.sleep(5)
except KeyboardInterrupt: print("interrupted")
pid = os.fork()
if pid == 0: time.sleep(5)
os.kill(pid, signal.SIGKILL); print(os.WTERMSIG(os.waitpid(pid, 0)[1]))
start = time.monotonic(); signal.setitimer(signal.ITIMER_REAL, 0.02); time.sleep(0.1); print(time.monotonic() - start >= 0.1)
