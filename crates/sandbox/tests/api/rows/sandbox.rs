//! A sandbox as a whole.

use std::{fs, path::Path};

use lazaret_sandbox::{Args, Error, LogChange, LogLevel, Sandbox, Trace, spec};

use crate::place::{Place, args, execute, is_alive, process, until};

pub fn a_sandbox_begins_and_ends() {
    let place = Place::new();
    let mut sandbox = Sandbox::new(&place.config, args("first", "exec sleep 1000")).unwrap();
    let pid = sandbox.pid();
    assert!(sandbox.is_running() && is_alive(pid));
    assert!(sandbox.is_root_container("first") && !sandbox.is_root_container("second"));
    assert!(matches!(Sandbox::new(&place.config, args("first", "true")), Err(Error::Exists(_))));
    sandbox.root_mut().start().unwrap();
    assert!(matches!(sandbox.root_mut().start(), Err(Error::Status { .. })));
    let again = Sandbox::load(&place.config, "first").unwrap();
    sandbox.destroy().unwrap();
    assert!(!is_alive(pid));
    place.assert_empty();
    assert!(!again.is_running());
    // What is gone is gone.
    again.destroy_container(&place.config, "first").unwrap();
    again.destroy().unwrap();
    assert!(matches!(Sandbox::load(&place.config, "first"), Err(Error::NotFound(_))));
}

pub fn a_sandbox_is_found_again_and_told() {
    let place = Place::new();
    let is_root = rustix::process::geteuid().is_root();
    let mut made = args("first", "exec sleep 1000");
    if is_root {
        let linux = made.spec.linux.as_mut().unwrap();
        linux.cgroups_path = Some(format!("/lazaret-api-{}", std::process::id()));
    }
    made.spec.process.as_mut().unwrap().oom_score_adj = Some(321);
    let own = fs::read_to_string("/proc/self/oom_score_adj").unwrap();
    let sandbox = Sandbox::new(&place.config, made).unwrap();
    let found = Sandbox::load(&place.config, "first").unwrap();
    assert_eq!((found.id(), found.pid()), ("first", sandbox.pid()));
    let told = serde_json::to_value(&found).unwrap();
    assert_eq!(told["id"], "first");
    assert_eq!(told["pid"], sandbox.pid());
    assert_eq!(told["originalOomScoreAdj"].to_string(), own.trim());
    assert_eq!(fs::read_to_string(format!("/proc/{}/oom_score_adj", sandbox.pid())).unwrap().trim(), "321");
    // An ordinary user may make none here.
    assert_eq!(found.cgroup().is_some(), is_root && Path::new("/sys/fs/cgroup").exists());
    if let Some(cgroup) = found.cgroup() {
        assert!(cgroup.processes().unwrap().contains(&sandbox.pid()));
        let directories: Vec<_> = cgroup.directories().values().cloned().collect();
        assert!(directories.iter().all(|directory| directory.is_dir()));
        assert!(told["cgroup"].to_string().contains("lazaret-api-"), "{told}");
        sandbox.destroy().unwrap();
        assert!(!directories.iter().any(|directory| directory.exists()));
    } else {
        sandbox.destroy().unwrap();
    }
    assert_eq!(found.pid(), 0);
}

pub fn what_fails_leaves_nothing_and_says_why() {
    let place = Place::new();
    let fails = |change: &dyn Fn(&mut Args), expected: &str| {
        let mut made = args("first", "true");
        change(&mut made);
        let error = Sandbox::new(&place.config, made).unwrap_err().to_string();
        assert!(error.contains(expected), "expected {expected:?} in {error:?}");
        place.assert_empty();
    };
    fails(&|made| made.id = "../up".into(), "invalid container id");
    let root = spec::Root { path: "/nonexistent".into(), readonly: true };
    fails(&|made| made.spec.root = Some(root.clone()), "/nonexistent: no such file or directory");
    fails(&|made| made.spec.mounts[0].kind = Some("ext4".into()), "mounts[0].type: \"ext4\" is not supported");
    fails(&|made| made.spec.process.as_mut().unwrap().args.clear(), "process.args: is empty");
    // What a program's absence means is known when it is started.
    let mut made = args("first", "true");
    made.spec.process.as_mut().unwrap().args = vec!["/nonexistent".into()];
    let mut sandbox = Sandbox::new(&place.config, made).unwrap();
    let error = sandbox.root_mut().start().unwrap_err().to_string();
    assert_eq!(error, "exec: \"/nonexistent\": no such file or directory");
    sandbox.destroy().unwrap();
}

pub fn messages_for_the_user_go_to_their_log() {
    let mut place = Place::new();
    let log = place.join("user.log");
    place.config.logging.user_log = Some(log.clone());
    let sandbox = place.sandbox("exec sleep 1000");
    // The number of no call.
    execute(sandbox.root(), &process("perl -e 'syscall(999)' || true"));
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.contains("999"), "{text:?}");
    sandbox.destroy().unwrap();
}

pub fn threads_are_looked_into() {
    let place = Place::new();
    let sandbox = place.sandbox("exec sleep 1234");
    let member = place.member(&sandbox, "second", "exec sleep 5678");
    let call = |seconds: &str| format!("{{tv_sec={seconds}, tv_nsec=0}}");
    for (container, seconds) in [("first", "1234"), ("second", "5678")] {
        let task = until("a sleep", || {
            let tasks = sandbox.stacks().unwrap().into_iter().filter_map(|thread| thread.task);
            tasks.into_iter().find(|task| task.call.as_ref().is_some_and(|text| text.contains(&call(seconds))))
        });
        assert_eq!((task.container.as_str(), task.pid, task.tid, task.name.as_str()), (container, 1, 1, "sleep"));
        assert!(task.sleep.is_some());
    }
    let threads = sandbox.stacks().unwrap();
    assert!(threads.is_sorted_by_key(|thread| thread.id));
    assert!(threads.iter().any(|thread| thread.task.is_none() && thread.name == "control"));
    member.destroy().unwrap();
    sandbox.destroy().unwrap();
}

pub fn logging_changes() {
    let mut place = Place::new();
    let logs = place.join("logs");
    place.config.logging.directory = Some(logs.clone());
    let sandbox = place.sandbox("exec sleep 1000");
    let log = || fs::read_to_string(logs.join("first.log")).unwrap();
    let change = |change| sandbox.change_logging(&place.config, change);
    let touch = || execute(sandbox.root(), &process("cd /usr"));
    touch();
    assert!(!log().contains("chdir("), "{}", log());
    change(LogChange { trace: Some(Trace::Calls(vec!["chdir".into()])), ..LogChange::default() }).unwrap();
    touch();
    assert!(log().contains("chdir(\"/usr\") = 0") && !log().contains("mmap("), "{}", log());
    let trace = Some(Trace::Off);
    change(LogChange { trace, level: Some(LogLevel::Warning), packets: Some(false) }).unwrap();
    let length = log().len();
    touch();
    assert_eq!(log().len(), length);
    let error = change(LogChange { packets: Some(true), ..LogChange::default() }).unwrap_err();
    assert_eq!(error.to_string(), "log packets: there is no packet log");
    sandbox.destroy().unwrap();
}
