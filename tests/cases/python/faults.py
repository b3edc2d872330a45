# faulthandler, segmentation faults, memory errors, exit codes.
# stderr: ignore
import resource, subprocess, sys
def run(code): return subprocess.run([sys.executable, "-c", code], capture_output=True).returncode
print(run("import ctypes; ctypes.string_at(0)"), run("import os; os.abort()"), run("1/0"), run("import sys; sys.exit(300)"), run("raise SystemExit('x')"), run("import os, signal; os.kill(os.getpid(), signal.SIGINT)"))
print(subprocess.run([sys.executable, "-X", "faulthandler", "-c", "import ctypes; ctypes.string_at(0)"], capture_output=True).stderr.splitlines()[:1])
print(run("import resource; resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))\ntry: bytearray(1 << 30)\nexcept MemoryError: print('m'); raise SystemExit(5)"))
