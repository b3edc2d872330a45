//! Further processes.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::OwnedFd,
};

use lazaret_sandbox::{
    Console, Stdio,
    spec::{Capabilities, Rlimit, User},
};

use crate::place::{Place, execute, null, process, read};

pub fn a_process_is_waited_for() {
    let place = Place::new();
    let sandbox = place.sandbox("exec sleep 1000");
    let root = sandbox.root();
    let execution = root.execute(&process("sleep 0.1; exit 5"), null(), Vec::new()).unwrap();
    let pid = execution.pid();
    // Several callers, and again after the end.
    let waiters: Vec<_> = (0..4)
        .map(|_| {
            let config = place.config.clone();
            std::thread::spawn(move || {
                lazaret_sandbox::Container::load(&config, "first").unwrap().wait_pid(pid).unwrap()
            })
        })
        .collect();
    for waiter in waiters {
        assert_eq!(waiter.join().unwrap(), 5);
    }
    assert_eq!(execution.wait().unwrap(), 5);
    assert_eq!(root.wait_pid(pid).unwrap(), 5);
    let killed = root.execute(&process("kill -TERM $$"), null(), Vec::new()).unwrap();
    assert_eq!(killed.wait().unwrap(), 128 + 15);
    let error = root.wait_pid(4000).unwrap_err().to_string();
    assert!(error.contains("wait for process 4000: no such process"), "{error}");
    sandbox.destroy().unwrap();
}

pub fn a_process_is_as_asked_for() {
    let place = Place::new();
    let sandbox = place.sandbox("exec sleep 1000");
    let mut process =
        process("id -u; id -g; id -G; pwd; echo $A; grep -E '^Cap(Eff|Amb)|NoNewPrivs' /proc/self/status");
    process.user = User { uid: 7, gid: 8, umask: None, additional_gids: vec![9, 10] };
    process.cwd = "/usr".into();
    process.env.push("A=b c".into());
    process.no_new_privileges = true;
    let kill = vec!["CAP_KILL".to_owned()];
    process.capabilities = Some(Capabilities {
        bounding: kill.clone(),
        effective: kill.clone(),
        inheritable: kill.clone(),
        permitted: kill.clone(),
        ambient: kill,
    });
    let (text, status) = execute(sandbox.root(), &process);
    let expected = "7\n8\n8 9 10\n/usr\nb c\nCapEff:\t0000000000000020\nCapAmb:\t0000000000000020\nNoNewPrivs:\t1\n";
    assert_eq!((text.as_str(), status), (expected, 0));
    process.args = vec!["/nonexistent".into()];
    let error = sandbox.root().execute(&process, null(), Vec::new()).unwrap_err().to_string();
    assert_eq!(error, "exec: \"/nonexistent\": no such file or directory");
    process.cwd = "relative".into();
    let error = sandbox.root().execute(&process, null(), Vec::new()).unwrap_err().to_string();
    assert!(error.contains("cwd: \"relative\" is not an absolute path"), "{error}");
    sandbox.destroy().unwrap();
}

pub fn a_process_gets_files_and_limits() {
    let place = Place::new();
    let sandbox = place.sandbox("exec sleep 1000");
    let root = sandbox.root();
    let (reader, mut writer) = io::pipe().unwrap();
    writer.write_all(b"through 3").unwrap();
    drop(writer);
    let mut reads = process("cat <&3; echo; ulimit -n");
    reads.rlimits = vec![Rlimit { kind: "RLIMIT_NOFILE".into(), soft: 77, hard: 78 }];
    let (stdio, mut output) = read();
    let execution = root.execute(&reads, stdio, vec![OwnedFd::from(reader)]).unwrap();
    let mut text = String::new();
    output.read_to_string(&mut text).unwrap();
    assert_eq!((text.as_str(), execution.wait().unwrap()), ("through 3\n77\n", 0));

    let (console, master) = Console::open((10, 20)).unwrap();
    let mut shows = process("stty size; read line; stty size");
    shows.terminal = true;
    let execution = root.execute(&shows, Stdio::Console(console), Vec::new()).unwrap();
    let mut master = File::from(master);
    let mut first = [0; 7];
    master.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"10 20\r\n");
    execution.resize(30, 40).unwrap();
    master.write_all(b"\n").unwrap();
    let mut text = Vec::new();
    let _ = master.read_to_end(&mut text);
    assert!(String::from_utf8_lossy(&text).ends_with("30 40\r\n"), "{text:?}");
    assert_eq!(execution.wait().unwrap(), 0);
    sandbox.destroy().unwrap();
}
