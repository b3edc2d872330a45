# pty and termios: a program on a terminal, raw mode, sizes.
import fcntl, os, pty, struct, sys, termios, tty
out = []
def read(fd):
    data = os.read(fd, 1000); out.append(data); return b"."
sys.stdout.flush()
print(os.waitstatus_to_exitcode(pty.spawn(["sh", "-c", "tty >/dev/null && echo on a terminal; exit 3"], read)))
print(b"".join(out))
m, s = os.openpty(); tty.setraw(s); os.write(m, b"\x03raw"); print(os.read(s, 10)); fcntl.ioctl(s, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 90, 0, 0)); print(os.get_terminal_size(m))
