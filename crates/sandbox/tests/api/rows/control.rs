//! Signals, pauses, figures and limits.

use std::io::Read;

use lazaret_sandbox::{
    Console, Error, Status, Stdio, Target,
    spec::{Pids, Resources},
};

use crate::place::{Place, await_status, execute, null, process, read, until};

pub fn a_signal_reaches_all_processes() {
    let place = Place::new();
    let sandbox = place.sandbox("exec sleep 1000");
    // Processes that fork as fast as they can, so that some are always being made.
    let storm = "while :; do (sleep 0.01 &) ; done";
    let member = place.member(&sandbox, "second", &format!("({storm}) & ({storm}) & wait"));
    until("a storm", || (member.processes().unwrap().len() > 4).then_some(()));
    member.signal(libc::SIGKILL, Target::All).unwrap();
    // All are gone when it returns.
    if let Ok(left) = member.processes() {
        assert!(left.iter().all(|process| process.threads == 0), "{left:?}");
    }
    await_status(&member, Status::Stopped);
    assert!(matches!(member.signal(libc::SIGTERM, Target::All), Err(Error::Status { .. })));
    assert_eq!(sandbox.root().status(), Status::Running);
    member.destroy().unwrap();
    sandbox.root().signal(libc::SIGKILL, Target::All).unwrap();
    sandbox.destroy().unwrap();
}

pub fn a_signal_reaches_one_process() {
    let place = Place::new();
    let sandbox = place.sandbox("exec sleep 1000");
    let member = place.member(&sandbox, "second", "exec sleep 1000");
    let (stdio, mut output) = read();
    let trap = process("trap 'echo got; exit 3' USR1; echo ready; while :; do sleep 0.01; done");
    let execution = sandbox.root().execute(&trap, stdio, Vec::new()).unwrap();
    let mut line = [0; 6];
    output.read_exact(&mut line).unwrap();
    let pid = execution.pid();
    sandbox.root().signal(0, Target::Process(pid)).unwrap();
    // The other container has no such process, nor may it reach this one by its number.
    for pid in [pid, 0, -1, i32::MIN, i32::MAX] {
        let error = member.signal(libc::SIGKILL, Target::Process(pid)).unwrap_err().to_string();
        assert!(error.contains("no such process"), "{pid}: {error}");
    }
    assert!(sandbox.root().signal(65, Target::Process(pid)).unwrap_err().to_string().contains("invalid argument"));
    sandbox.root().signal(libc::SIGUSR1, Target::Process(pid)).unwrap();
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert_eq!((rest.as_str(), execution.wait().unwrap()), ("got\n", 3));
    // The first process of either has number 1.
    member.signal(libc::SIGKILL, Target::Process(1)).unwrap();
    await_status(&member, Status::Stopped);
    assert_eq!(sandbox.root().status(), Status::Running);
    member.destroy().unwrap();
    sandbox.destroy().unwrap();
}

pub fn a_signal_reaches_the_foreground() {
    let place = Place::new();
    let sandbox = place.sandbox("exec sleep 1000");
    let (console, master) = Console::open((24, 80)).unwrap();
    let mut shell = process("trap '' INT; set -m; sh -c 'sleep 1000'; echo status $?; exit 6");
    shell.terminal = true;
    let execution = sandbox.root().execute(&shell, Stdio::Console(console), Vec::new()).unwrap();
    let pid = execution.pid();
    until("the job in the foreground", || {
        let all = sandbox.root().processes().unwrap();
        all.iter()
            .any(|process| process.command.contains("sleep 1000") && process.pgid != pid && process.pid != 1)
            .then_some(())
    });
    // The shell itself is in another group.
    until("the job to be killed", || {
        let _ = sandbox.root().signal(libc::SIGTERM, Target::Foreground(pid));
        let all = sandbox.root().processes().unwrap();
        (!all.iter().any(|process| process.command.contains("sleep 1000") && process.pid != 1)).then_some(())
    });
    assert_eq!(execution.wait().unwrap(), 6);
    drop(master);
    let error = sandbox.root().signal(libc::SIGTERM, Target::Foreground(0)).unwrap_err().to_string();
    assert!(error.contains("inappropriate ioctl"), "{error}");
    sandbox.destroy().unwrap();
}

pub fn processes_are_listed() {
    let place = Place::new();
    let sandbox = place.sandbox("exec sleep 1000");
    let mut busy = process("while :; do :; done");
    busy.user.uid = 12;
    let execution = sandbox.root().execute(&busy, null(), Vec::new()).unwrap();
    let member = place.member(&sandbox, "second", "exec sleep 1000");
    let found = until("processor time", || {
        let all = sandbox.root().processes().unwrap();
        all.into_iter().find(|process| process.pid == execution.pid() && process.cpu > 20_000_000)
    });
    assert_eq!((found.uid, found.ppid, found.pgid, found.threads), (12, 0, execution.pid(), 1));
    assert_eq!((found.command.as_str(), found.terminal), ("sh -c while :; do :; done", None));
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!((now - 60..=now).contains(&found.started), "{found:?}");
    let of_member: Vec<_> = member.processes().unwrap().into_iter().map(|process| process.pid).collect();
    assert_eq!(of_member, [1]);
    member.destroy().unwrap();
    sandbox.destroy().unwrap();
}

pub fn what_is_used_is_counted() {
    let place = Place::new();
    let sandbox = place.sandbox("exec sleep 1000");
    let member = place.member(&sandbox, "second", "exec sleep 1000");
    let before = sandbox.root().usage().unwrap();
    assert_eq!(before.tasks, 1);
    assert!(before.interfaces.iter().any(|interface| interface.name == "lo"), "{before:?}");
    let hungry = "import time; held = bytearray(b'x' * 50_000_000); time.sleep(1000)";
    let mut process = process("");
    process.args = ["python3", "-c", hungry].map(Into::into).into();
    let execution = member.execute(&process, null(), Vec::new()).unwrap();
    let after = until("memory", || member.usage().ok().filter(|usage| usage.memory > 50_000_000));
    assert!(after.tasks >= 2 && after.user + after.system > 0, "{after:?}");
    // Each container by itself.
    let others = sandbox.root().usage().unwrap();
    assert!(others.memory < 20_000_000 && others.tasks == 1, "{others:?}");
    execution.signal(libc::SIGKILL).unwrap();
    until("its end", || member.usage().ok().filter(|usage| usage.memory < 20_000_000 && usage.tasks == 1));
    // What has ended is still counted.
    assert!(member.usage().unwrap().user >= after.user);
    member.destroy().unwrap();
    sandbox.destroy().unwrap();
}

pub fn pauses_count() {
    let place = Place::new();
    let sandbox = place.sandbox("while :; do :; done");
    let root = sandbox.root();
    let cpu = || root.usage().unwrap().user;
    assert!(matches!(root.resume(), Err(Error::Status { .. })));
    root.pause().unwrap();
    root.pause().unwrap();
    assert!(matches!(root.pause_once(), Err(Error::Status { .. })));
    assert_eq!(root.status(), Status::Paused);
    let paused = cpu();
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert_eq!(cpu(), paused);
    root.resume().unwrap();
    assert_eq!(root.status(), Status::Paused);
    root.resume().unwrap();
    assert_eq!(root.status(), Status::Running);
    until("it goes on", || (cpu() > paused).then_some(()));
    assert!(matches!(root.resume(), Err(Error::Status { .. })));
    // A paused container can be ended.
    root.pause_once().unwrap();
    sandbox.destroy().unwrap();
}

pub fn limits_change() {
    let place = Place::new();
    let mut sandbox = place.sandbox("exec sleep 1000");
    assert_eq!(sandbox.root().usage().unwrap().max_tasks, None);
    let changes = Resources { pids: Some(Pids { limit: 3 }), ..Resources::default() };
    sandbox.root_mut().update(changes).unwrap();
    assert_eq!(sandbox.root().usage().unwrap().max_tasks, Some(3));
    let (text, _) = execute(sandbox.root(), &process("(sleep 0.2 & sleep 0.2 & sleep 0.2 & wait) 2>&1"));
    assert!(text.to_lowercase().contains("fork"), "{text:?}");
    sandbox.destroy().unwrap();
}
