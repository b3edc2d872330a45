"""Does line by line what it is told, in the directory given; a dot ends each answer."""
import errno, mmap, os, sys

os.umask(0o22)
os.chdir(sys.argv[1])
for line in sys.stdin:
    try:
        exec(line)
    except OSError as error:
        print(errno.errorcode[error.errno])
    print('.', flush=True)
