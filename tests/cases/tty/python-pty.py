# pty and termios from Python: a shell on a terminal, its size, raw mode, hang-up.
import fcntl, os, pty, select, signal, struct, termios, tty
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('4H', 30, 100, 0, 0))
print(os.get_terminal_size(slave), os.isatty(slave), os.ttyname(slave).startswith('/dev/pts/'))
before = termios.tcgetattr(slave)
print(before[:4], before[4] == before[5])
tty.setraw(slave)
print(termios.tcgetattr(slave)[:4])
os.write(master, b'raw\x03\r')
print(os.read(slave, 10))
termios.tcsetattr(slave, termios.TCSADRAIN, before)
os.write(slave, b'one\ntwo')
print(os.read(master, 100))
for request in (termios.TIOCOUTQ, termios.FIONREAD):
    print(struct.unpack('i', fcntl.ioctl(slave, request, b'\0' * 4)))
print(termios.tcflow(slave, termios.TCOON), termios.tcsendbreak(slave, 0), termios.tcflush(slave, termios.TCIOFLUSH))
try:
    termios.tcgetattr(os.open('/dev/null', os.O_RDONLY))
except termios.error as error:
    print(error)
os.close(slave)
try:
    os.read(master, 10)
except OSError as error:
    print(error)
os.close(master)
pid, fd = pty.fork()
if pid == 0:
    os.execvp('sh', ['sh', '-c', 'stty size; stty -echo; read x; echo "read $x"; tty >/dev/null && echo terminal; trap "exit 5" HUP; sleep 10 & wait'])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('4H', 10, 20, 0, 0))
output = b''
def until(text):
    global output
    while text not in output:
        output += os.read(fd, 100)
until(b'\n')
os.write(fd, b'line\n')
until(b'terminal\r\n')
print(output.split(b'\r\n')[-3:])
os.close(fd)
print(os.waitpid(pid, 0)[1] != 0)
