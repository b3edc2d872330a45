# bash on a terminal: prompt, echo, Ctrl-C, Ctrl-Z, fg, exit status.
import os, pty, re, select, signal, time

pid, fd = pty.fork()
if pid == 0:
    os.environ.update(PS1="$ ", TERM="dumb", HISTFILE="")
    os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
seen = b""

def expect(text, limit=15):
    global seen
    end = time.time() + limit
    while text not in seen:
        if time.time() > end or not select.select([fd], [], [], end - time.time())[0]:
            print("not seen:", text, "in", seen[-200:])
            raise SystemExit(1)
        seen += os.read(fd, 1000)
    seen = seen[seen.index(text) + len(text):]
    print("saw", text)

def await_child(name):
    """Waits until the shell runs a program of this name."""
    while True:
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                found, rest = open(f"/proc/{entry}/stat").read().rsplit(")", 1)
            except OSError:
                continue
            if found.endswith("(" + name) and int(rest.split()[1]) == pid:
                return
        time.sleep(0.01)

def send(text):
    os.write(fd, text)

expect(b"$ ")
send(b"echo one $((1 + 1))\n")
expect(b"one 2")
expect(b"$ ")
send(b"sleep 60\n")
await_child("sleep")
send(b"\x03")
expect(b"$ ")
send(b"echo status=$?\n")
expect(b"status=130")
expect(b"$ ")
send(b"sleep 61\n")
await_child("sleep")
send(b"\x1a")
expect(b"Stopped")
expect(b"$ ")
send(b"jobs\n")
expect(b"sleep 61")
expect(b"$ ")
send(b"bg; kill %1; wait; echo killed=$?\n")
expect(b"killed=")
expect(b"$ ")
send(b"cat\n")
await_child("cat")
send(b"typed twice\n")
expect(b"typed twice")
expect(b"typed twice")
send(b"\x04")
expect(b"$ ")
send(b"tty | cut -c1-8; stty -a | grep -o 'intr = [^;]*'\n")
expect(b"/dev/pts")
expect(b"intr = ^C")
expect(b"$ ")
send(b"exit 7\n")
_, status = os.waitpid(pid, 0)
print("exit", os.WEXITSTATUS(status))
