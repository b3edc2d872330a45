# sqlite3: tables, transactions, locking between processes.
# needs: sqlite3
sqlite3 d.db 'create table t(a integer primary key, b text); begin; insert into t(b) values ("one"),("two"); commit; select * from t;'
for i in 1 2 3 4; do sqlite3 d.db '.timeout 5000' "insert into t(b) values ('p$i')" & done; wait
sqlite3 d.db 'select count(*) from t; pragma integrity_check; pragma journal_mode=wal; insert into t(b) values("wal"); select count(*) from t;'
sqlite3 d.db 'with recursive c(x) as (select 1 union all select x+1 from c limit 20000) insert into t(b) select x from c; select count(*), max(a) from t; vacuum;'
sqlite3 d.db .dump | wc -l
