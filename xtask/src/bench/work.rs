//! Programs that are run inside a container and timed there.

/// What a number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Wall time; less is better.
    Seconds,
    /// Wall time of one call; less is better.
    Nanoseconds,
    /// Memory; less is better.
    MiB,
    /// Processor time in percent of one processor; less is better.
    Percent,
    /// Thousands per second; more is better.
    KiloPerSecond,
}

/// A shell script with a name. A rate is what the script prints as `rate N`.
pub struct Work {
    /// The row's name.
    pub name: &'static str,
    /// What is reported.
    pub unit: Unit,
    /// The bar that the project sets itself, relative to runc.
    pub target: &'static str,
    /// The script, for sh.
    pub script: &'static str,
}

const fn seconds(name: &'static str, target: &'static str, script: &'static str) -> Work {
    Work { name, unit: Unit::Seconds, target, script }
}

const fn rate(name: &'static str, target: &'static str, script: &'static str) -> Work {
    Work { name, unit: Unit::KiloPerSecond, target, script }
}

/// A web server and its load, with an option for the latter.
macro_rules! nginx {
    ($option:literal) => {
        concat!(
            "cd /tmp; mkdir www log; head -c 1024 /opt/bench/big > www/index.html; \
             printf 'user root; error_log /tmp/log/e; pid /tmp/pid; worker_processes 1; events {} http { access_log off; \
             client_body_temp_path /tmp/1; proxy_temp_path /tmp/2; fastcgi_temp_path /tmp/3; uwsgi_temp_path /tmp/4; \
             scgi_temp_path /tmp/5; server { listen 127.0.0.1:8099; root /tmp/www; } }' > conf; nginx -c /tmp/conf; ",
            "ab -q ",
            $option,
            " -c 20 -n 10000 http://127.0.0.1:8099/ | awk '/^Requests per second/ {print \"rate\", $4/1000}'; \
             kill $(cat pid)"
        )
    };
}

/// The table's rows.
pub const WORKS: &[Work] = &[
    seconds("shell: 200 x fork+exec", "<= 1.3x", "i=0; while [ $i -lt 200 ]; do /bin/true; i=$((i+1)); done"),
    seconds("shell: 1000 subshells", "<= 1.3x", "i=0; while [ $i -lt 1000 ]; do ( : ); i=$((i+1)); done"),
    seconds("gcc of a middling file", "<= 1.1x", "gcc -O1 -c -o /tmp/middling.o /opt/bench/middling.c"),
    seconds("find /usr", "<= 1.5x", "find /usr >/dev/null"),
    seconds("cat python's library", "<= 1.5x", "find /usr/lib/python3* -name '*.py' -exec cat {} + >/dev/null"),
    seconds(
        "git init, add, commit of 500 files",
        "<= 1.2x",
        "mkdir /tmp/repo; cd /tmp/repo; i=0; while [ $i -lt 500 ]; do echo $i > f$i; i=$((i+1)); done; \
         git init -q .; git add .; git -c user.name=a -c user.email=a@b commit -qm x",
    ),
    seconds(
        "python, many imports",
        "<= 1.3x",
        "python3 -c 'import asyncio, json, http.server, sqlite3, email.mime.text, xml.dom.minidom, unittest, \
         multiprocessing, concurrent.futures, logging.config, decimal, ctypes, urllib.request, tarfile, ssl'",
    ),
    seconds("node -e 0", "<= 1.3x", "node -e 0"),
    seconds(
        "tar and untar of /usr/include",
        "<= 1x",
        "cd /tmp; tar cf i.tar -C /usr include; mkdir o; tar xf i.tar -C o",
    ),
    seconds("read 256 MiB by 64 KiB", "<= 1.1x", "dd if=/opt/bench/big of=/dev/null bs=64k status=none"),
    seconds(
        "sqlite, 20000 rows",
        "<= 1.2x",
        "cd /tmp; { echo 'create table t(a integer primary key, b text);'; i=0; while [ $i -lt 200 ]; do echo 'begin;'; \
         echo \"with recursive c(x) as (select 1 union all select x+1 from c where x<100) insert into t(b) select \
         hex(randomblob(20)) from c;\"; echo 'commit;'; i=$((i+1)); done; } | sqlite3 db; sqlite3 db 'select count(*) from t' \
         | grep -qx 20000",
    ),
    rate(
        "redis, SET and GET, k/s",
        ">= 0.5x",
        "redis-server --save '' --port 6399 --daemonize yes >/dev/null; \
         until redis-cli -p 6399 ping >/dev/null 2>&1; do sleep 0.05; done; \
         redis-benchmark -p 6399 -t set,get -n 20000 --csv | tr -d '\"' | awk -F, 'NR>1 && $2>0 {s+=1/$2; n++} \
         END {print \"rate\", n/s/1000}'; redis-cli -p 6399 shutdown nosave || true",
    ),
    rate(
        "redis -P 16, k/s",
        ">= 0.8x",
        "redis-server --save '' --port 6399 --daemonize yes >/dev/null; \
         until redis-cli -p 6399 ping >/dev/null 2>&1; do sleep 0.05; done; \
         redis-benchmark -p 6399 -t set,get -n 200000 -P 16 --csv | tr -d '\"' | awk -F, 'NR>1 && $2>0 {s+=1/$2; n++} \
         END {print \"rate\", n/s/1000}'; redis-cli -p 6399 shutdown nosave || true",
    ),
    rate("nginx and ab, k/s", ">= 0.6x", nginx!("")),
    rate("nginx and ab, keep-alive, k/s", ">= 0.6x", nginx!("-k")),
];
