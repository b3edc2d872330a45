# os and subprocess: statuses, environments, descriptors, groups, limits, users.
import os, resource, signal, subprocess, sys
print(subprocess.run(['sh', '-c', 'echo out; echo err >&2; exit 3'], capture_output=True))
print(subprocess.run(['cat'], input=b'typed', capture_output=True).stdout)
print(subprocess.run(['sh', '-c', 'kill -9 $$']).returncode)
for command in (['/nonexistent'], ['/etc/passwd'], ['/']):
    try:
        subprocess.run(command)
    except OSError as error:
        print(type(error).__name__, error)
try:
    subprocess.run(['sleep', '5'], timeout=0.05)
except subprocess.TimeoutExpired as error:
    print(error.cmd)
print(subprocess.run(['env'], env={'ONE': '1'}, capture_output=True).stdout)
print(subprocess.run(['pwd'], cwd='/usr', capture_output=True).stdout)
read, write = os.pipe()
print(subprocess.run(['sh', '-c', f'echo x >&{write}'], pass_fds=[write]).returncode, os.read(read, 10))
print(subprocess.run(['sh', '-c', f'echo x >&{write}'], stderr=subprocess.DEVNULL).returncode)
print(subprocess.run([sys.executable, '-c', 'import os; print(os.getsid(0) == os.getpid())'], start_new_session=True, capture_output=True).stdout)
print(subprocess.run(['sh', '-c', 'ulimit -n; ulimit -t'], preexec_fn=lambda: (resource.setrlimit(resource.RLIMIT_NOFILE, (99, 99)), resource.setrlimit(resource.RLIMIT_CPU, (7, 7))), capture_output=True).stdout)
print(subprocess.run(['id', '-u'], user=1000, group=1000, extra_groups=[], capture_output=True).stdout)
print(subprocess.run('false | true; echo ${?}', shell=True, capture_output=True).stdout)
pid = os.posix_spawn('/bin/sh', ['sh', '-c', 'exit 5'], {})
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
pid = os.posix_spawn('/bin/cat', ['cat', '/proc/self/stat'], {}, file_actions=[(os.POSIX_SPAWN_OPEN, 1, '/dev/null', os.O_WRONLY, 0)], setpgroup=0, setsigmask=[signal.SIGUSR1])
print(os.waitpid(pid, 0)[1])
ready, go = os.pipe()
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    os.kill(os.getpid(), signal.SIGSTOP)
    os.read(ready, 1)
    os._exit(4)
print(os.WIFSTOPPED(os.waitpid(child, os.WUNTRACED)[1]), os.getpgid(child) == child)
os.killpg(child, signal.SIGCONT)
print(os.WIFCONTINUED(os.waitpid(child, os.WCONTINUED)[1]))
os.write(go, b'g')
print(os.waitpid(child, 0)[1] >> 8)
try:
    os.waitpid(-1, 0)
except ChildProcessError as error:
    print(error)
print(os.nice(3), os.getpriority(os.PRIO_PROCESS, 0), os.sched_getaffinity(0) == set(range(os.cpu_count())))
