cd "$WORK"; umask 022
python3 - <<'X'
import os
for d in range(100):
    os.makedirs(f'tree/{d % 10}/{d}')
    for f in range(100):
        with open(f'tree/{d % 10}/{d}/{f}', 'w') as file:
            file.write(f'{d} {f}\n' * (f + 1))
os.link('tree/0/0/0', 'tree/hard'); os.symlink('0/0/0', 'tree/soft'); os.mkfifo('tree/fifo'); os.chmod('tree/1/1/1', 0o4751)
X
find tree | wc -l; tar -cf a.tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner tree; sha256sum < a.tar; rm -rf tree
mkdir out; tar -xpf a.tar -C out; tar -df a.tar -C out && echo equal
(cd out && find tree -printf '%p %M %n %s %l\n' | grep -v ' d' | sort | sha256sum)
gzip -c a.tar | tar -xzf - -C out --overwrite tree/0; find out -type f -newermt @1 | wc -l; mv out/tree/3 out/moved; cp -a out/moved out/copy; diff -r out/moved out/copy && echo copied
find out -type f -name '9*' -delete; find out | wc -l; rm -rf out; ls
sqlite3 b.db 'pragma journal_mode=wal; create table t(a integer primary key, b text);
with recursive n(i) as (select 1 union all select i+1 from n where i<5000) insert into t select i, hex(i) from n;
create index i on t(b); select count(*), sum(a) from t; delete from t where a % 3 = 0; vacuum; pragma integrity_check; select count(*) from t'; ls; stat -c %s b.db
