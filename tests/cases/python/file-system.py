# pathlib, shutil, tempfile, glob, zip and tar archives, sqlite on a file.
import glob, os, pathlib, shutil, sqlite3, stat, tarfile, tempfile, zipfile
root = pathlib.Path('tree')
(root / 'a/b').mkdir(parents=True)
(root / 'a/b/file').write_text('text')
(root / 'link').symlink_to('a/b/file')
os.link(root / 'a/b/file', root / 'hard')
print(sorted(str(path) for path in root.rglob('*')), (root / 'link').read_text())
print((root / 'hard').samefile(root / 'a/b/file'), (root / 'hard').stat().st_nlink)
shutil.copytree(root, 'copy', symlinks=True)
print(os.readlink('copy/link'), sorted(os.listdir('copy')))
shutil.move('copy', 'moved')
print(glob.glob('moved/**/f*', recursive=True))
with tarfile.open('archive.tar.gz', 'w:gz') as archive:
    archive.add('moved')
with tarfile.open('archive.tar.gz') as archive:
    archive.extractall('out')
    print(sorted(archive.getnames()))
with zipfile.ZipFile('archive.zip', 'w') as archive:
    archive.write('tree/a/b/file')
print(zipfile.ZipFile('archive.zip').read('tree/a/b/file'))
with tempfile.NamedTemporaryFile(dir='.') as file:
    file.write(b'x')
    file.flush()
    print(os.path.getsize(file.name), oct(os.stat(file.name).st_mode))
with tempfile.TemporaryFile(dir='.') as file:
    print(os.fstat(file.fileno()).st_nlink)
database = sqlite3.connect('data.db')
database.execute('pragma journal_mode=wal')
database.execute('create table t (a, b)')
with database:
    database.executemany('insert into t values (?, ?)', [(i, str(i)) for i in range(100)])
other = sqlite3.connect('data.db')
print(other.execute('select count(*), sum(a) from t').fetchone(), sorted(os.listdir('.'))[:4])
os.chmod('tree/hard', 0o4711)
print(stat.filemode(os.stat('tree/hard').st_mode))
os.utime('tree/hard', ns=(1_000_000_001, 2_000_000_002))
print(os.stat('tree/hard').st_mtime_ns, os.stat('tree/hard').st_atime_ns)
shutil.rmtree('tree')
print(os.path.exists('tree'))
for entry in sorted(os.scandir('out/moved'), key=lambda entry: entry.name):
    print(entry.name, entry.is_file(), entry.is_symlink(), entry.is_dir(follow_symlinks=False))
