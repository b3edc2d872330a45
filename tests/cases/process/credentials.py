# Changes of users and groups, and what follows from them for files and signals.
import os, signal, stat
def child(name, work):
    pid = os.fork()
    if pid == 0:
        try:
            print(name, work(), flush=True)
        except OSError as error:
            print(name, error, flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
open('secret', 'w').close()
os.chmod('secret', 0o600)
open('group', 'w').close()
os.chown('group', 0, 77)
os.chmod('group', 0o060)
os.chmod('.', 0o755)
def become(uid, gid=None, groups=()):
    os.setgroups(groups)
    os.setresgid(gid or uid, gid or uid, gid or uid)
    os.setresuid(uid, uid, uid)
child('ids', lambda: (become(1000), os.getresuid(), os.getresgid(), os.getgroups()))
child('back', lambda: (become(1000), os.setuid(0)))
child('secret', lambda: (become(1000), open('secret')))
child('group', lambda: (become(1000, 50, (77,)), open('group').read()))
child('no group', lambda: (become(1000, 50), open('group').read()))
child('effective', lambda: (os.seteuid(5), os.getresuid(), os.seteuid(0), os.getresuid()))
child('saved', lambda: (os.setresuid(1, 2, 3), os.seteuid(3), os.getresuid()))
child('not allowed', lambda: (os.setresuid(1, 2, 3), os.seteuid(9)))
child('setreuid', lambda: (os.setreuid(1000, 1001), os.getresuid()))
child('chown', lambda: (become(1000), os.chown('secret', 1000, 1000)))
child('kill', lambda: (become(1000), os.kill(os.getppid(), 0)))
child('groups', lambda: (become(1000), os.setgroups([1])))
child('nice', lambda: (become(1000), os.nice(5), os.nice(-1)))
child('new files', lambda: (become(1234), os.access('.', os.W_OK), os.access('secret', os.F_OK), os.access('secret', os.R_OK)))
child('umask', lambda: (os.umask(0o027), os.close(os.open('made', os.O_CREAT, 0o666)), stat.filemode(os.stat('made').st_mode)))
child('hostname', lambda: (become(1000), os.system('hostname x 2>/dev/null') != 0))
child('login', lambda: (os.initgroups('root', 0), 0 in os.getgroups()))
