# subprocess: pipes, statuses, timeouts, groups, large data.
import os, signal, subprocess, sys
print(subprocess.run(["sh", "-c", "echo out; echo err >&2; exit 3"], capture_output=True))
print(subprocess.run(["cat"], input=b"x" * 1000000, capture_output=True).stdout.count(b"x"))
try:
    subprocess.run(["sleep", "5"], timeout=0.1)
except subprocess.TimeoutExpired as error:
    print("timeout")
try:
    subprocess.run(["/missing"])
except OSError as error:
    print(type(error).__name__, error.errno)
process = subprocess.Popen(["sleep", "5"], start_new_session=True)
os.killpg(process.pid, signal.SIGTERM)
print(process.wait())
one = subprocess.Popen(["seq", "100000"], stdout=subprocess.PIPE)
two = subprocess.Popen(["tail", "-1"], stdin=one.stdout, stdout=subprocess.PIPE)
one.stdout.close()
print(two.communicate(), one.wait())
print(subprocess.check_output("echo $A", shell=True, env={"A": "value", "PATH": os.environ["PATH"]}))
print(subprocess.run([sys.executable, "-c", "import os; print(os.getcwd())"], cwd="/", capture_output=True).stdout)
read, write = os.pipe()
print(subprocess.run(["sh", "-c", f"echo passed >&{write}"], pass_fds=[write]).returncode, os.read(read, 100))
print(subprocess.run(["true"], preexec_fn=lambda: os.nice(5)).returncode)
processes = [subprocess.Popen(["sh", "-c", f"exit {i}"]) for i in range(30)]
print(sum(process.wait() for process in processes))
