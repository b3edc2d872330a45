# sqlite3: memory and file, two connections, WAL, a busy database.
import sqlite3, threading
db = sqlite3.connect(":memory:"); db.execute("create table t(a, b)"); db.executemany("insert into t values(?, ?)", [(i, str(i)) for i in range(1000)])
print(db.execute("select count(*), sum(a) from t").fetchone())
one, two = sqlite3.connect("f.db", timeout=0.1, isolation_level=None), sqlite3.connect("f.db", timeout=0.1, isolation_level=None)
one.execute("create table t(a)"); one.execute("begin exclusive")
try: two.execute("insert into t values(1)")
except sqlite3.OperationalError as error: print(error)
one.execute("commit"); two.execute("insert into t values(1)"); print(one.execute("select * from t").fetchall())
print(one.execute("pragma journal_mode=wal").fetchone()); one.execute("begin"); one.execute("insert into t values(2)")
print(two.execute("select count(*) from t").fetchone()); one.execute("commit"); print(two.execute("select count(*) from t").fetchone())
def insert(n):
    c = sqlite3.connect("f.db", timeout=10)
    for i in range(20):
        with c: c.execute("insert into t values(?)", (n * 100 + i,))
threads = [threading.Thread(target=insert, args=(n,)) for n in range(4)]; [t.start() for t in threads]; [t.join() for t in threads]
print(one.execute("select count(*) from t").fetchone(), one.execute("pragma integrity_check").fetchone())
