//! `exec` as runc has it.

mod common;

use std::{fs, process::Stdio, thread::sleep, time::Duration};

use common::{
    finish,
    runtime::{Runtime, both},
    until, wait,
};
use serde_json::json;

/// Runs a container that only waits.
fn start(runtime: &Runtime) {
    runtime.script("sleep 1000");
    runtime.detached(&["run", "-d", &runtime.id]);
}

/// The output of a shell script in the container.
#[track_caller]
fn shell(runtime: &Runtime, options: &[&str], script: &str) -> String {
    runtime.good(&[&["exec"], options, &[&runtime.id, "sh", "-c", script]].concat())
}

#[test]
fn users_groups_and_rights() {
    both(|runtime| {
        start(runtime);
        let ids = "id -u; id -g; id -G";
        assert_eq!(shell(runtime, &[], ids), "0\n0\n0\n");
        assert_eq!(shell(runtime, &["--user", "7"], ids), "7\n0\n0\n");
        assert_eq!(shell(runtime, &["-u", "7:8", "-g", "9", "-g", "10"], ids), "7\n8\n8 9 10\n");
        for user in ["root", "7:wheel", "7:8:9"] {
            runtime.bad_exec(&["exec", "--user", user, &runtime.id, "true"]);
        }
        let rights = |options: &[&str]| {
            let text = shell(runtime, options, "cat /proc/self/status");
            let of = |name: &str| {
                let line = text.lines().find(|line| line.starts_with(name)).unwrap();
                line.split_whitespace().nth(1).unwrap().to_owned()
            };
            ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs"].map(of)
        };
        // CAP_KILL, CAP_NET_BIND_SERVICE and CAP_AUDIT_WRITE are the specification's.
        let few = "0000000020000420";
        assert_eq!(rights(&[])[1..4], [few, few, few], "{}", runtime.program);
        let more = "0000000020000421";
        assert_eq!(rights(&["--cap", "CAP_CHOWN"])[1..4], [more, more, more], "{}", runtime.program);
        let process = json!({ "args": ["cat", "/proc/self/status"], "cwd": "/", "env": ["PATH=/bin"],
            "user": { "uid": 1, "gid": 2 }, "noNewPrivileges": true });
        fs::write(runtime.place.bundle().join("process.json"), process.to_string()).unwrap();
        let text = runtime.good(&["exec", "-p", "process.json", &runtime.id]);
        assert!(text.contains("NoNewPrivs:\t1\n") && text.contains("CapEff:\t0000000000000000\n"), "{text}");
    });
}

#[test]
fn environment_and_directory() {
    both(|runtime| {
        start(runtime);
        let text = shell(
            runtime,
            &["--env", "A=b=c", "--env", "PATH=/bin:/x", "--env", "E="],
            "echo $A; echo $PATH; echo .$E.",
        );
        assert_eq!(text, "b=c\n/bin:/x\n..\n");
        assert_eq!(shell(runtime, &[], "pwd; echo $PATH"), "/\n/bin\n");
        assert_eq!(shell(runtime, &["--cwd", "/bin"], "pwd"), "/bin\n");
        runtime.bad_exec(&["exec", "--cwd", "relative", &runtime.id, "true"]);
        runtime.bad_exec(&["exec", "--cwd", "/bin/sh", &runtime.id, "true"]);
        runtime.bad_exec(&["exec", &runtime.id]);
        runtime.bad_exec(&["exec", &runtime.id, ""]);
        // What is not for us.
        assert_eq!(runtime.good(&["exec", &runtime.id, "echo", "--user", "-t", "--"]), "--user -t --\n");
    });
}

#[test]
fn descriptions_that_are_wrong() {
    both(|runtime| {
        start(runtime);
        let path = runtime.place.bundle().join("process.json");
        let good = json!({ "args": ["true"], "cwd": "/", "env": ["PATH=/bin"], "user": { "uid": 0, "gid": 0 } });
        let with = |name: &str, value: serde_json::Value| {
            let mut process = good.clone();
            process[name] = value;
            process
        };
        fs::write(&path, good.to_string()).unwrap();
        runtime.good(&["exec", "--process", "process.json", &runtime.id]);
        for text in [
            String::new(),
            "null".into(),
            "[]".into(),
            "[".repeat(20_000),
            with("args", json!([])).to_string(),
            with("args", json!("true")).to_string(),
            with("args", json!([7])).to_string(),
            with("cwd", json!("")).to_string(),
            with("cwd", json!("relative")).to_string(),
            with("user", json!({ "uid": -1 })).to_string(),
            with("user", json!({ "uid": 4_294_967_296_u64 })).to_string(),
            with("env", json!({})).to_string(),
            with("rlimits", json!([{ "type": "RLIMIT_NONE", "soft": 1, "hard": 1 }])).to_string(),
            with("capabilities", json!({ "bounding": [1] })).to_string(),
        ] {
            fs::write(&path, &text).unwrap();
            let start = text.get(..200).unwrap_or(&text);
            let output = runtime.output(&["exec", "--process", "process.json", &runtime.id]);
            assert_eq!(output.status.code(), Some(255), "{}: {start}: {output:?}", runtime.program);
        }
        runtime.bad_exec(&["exec", "--process", "nonexistent", &runtime.id]);
        runtime.bad_exec(&["exec", "--process", ".", &runtime.id]);
        runtime.assert_status("running");
    });
}

#[test]
fn flags_of_other_worlds() {
    both(|runtime| {
        start(runtime);
        runtime.bad_exec(&["exec", "--apparmor", "profile", &runtime.id, "true"]);
        runtime.good(&["exec", "--process-label", "", &runtime.id, "true"]);
        runtime.bad_exec(&["exec", "--cgroup", "nonexistent", &runtime.id, "true"]);
        runtime.bad_exec(&["exec", "--cgroup", "../..", &runtime.id, "true"]);
        runtime.bad(&["exec", "--unknown", &runtime.id, "true"]);
    });
}

#[test]
fn a_paused_container_is_left_in_peace_unless_asked_for() {
    both(|runtime| {
        start(runtime);
        runtime.good(&["pause", &runtime.id]);
        runtime.bad_exec(&["exec", &runtime.id, "true"]);
        let mut command = runtime.command(&["exec", "--ignore-paused", &runtime.id, "echo", "after"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        sleep(Duration::from_millis(100));
        assert!(child.try_wait().unwrap().is_none(), "{} does not wait", runtime.program);
        runtime.good(&["resume", &runtime.id]);
        let output = finish(child);
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"after\n"[..]), "{output:?}");
    });
}

#[test]
fn a_hundred_at_once() {
    both(|runtime| {
        start(runtime);
        // runc takes half a minute for as many.
        let count = if runtime.program.ends_with("runc") { 10 } else { 100 };
        let id = runtime.id.as_str();
        let before =
            shell(runtime, &[], "ls /proc").split_whitespace().filter(|name| name.parse::<u32>().is_ok()).count();
        let spawn = |number: u32| {
            let script = format!("echo {number}; exit {}", number % 7);
            let mut command = runtime.command(&["exec", id, "sh", "-c", &script]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let children: Vec<_> = (0..count).map(|number| (number, spawn(number))).collect();
        for (number, child) in children {
            let output = finish(child);
            assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{number}\n"), "{output:?}");
            assert_eq!(output.status.code(), i32::try_from(number % 7).ok());
        }
        until("all to be gone", || {
            let names = shell(runtime, &[], "ls /proc");
            (names.split_whitespace().filter(|name| name.parse::<u32>().is_ok()).count() == before).then_some(())
        });
        // Detached ones, too, each with a process of the host.
        let mut children: Vec<_> = (0..count)
            .map(|number| {
                let file = format!("pid-{number}");
                let mut command = runtime.command(&["exec", "-d", "--pid-file", &file, id, "sleep", "1000"]);
                command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
            })
            .collect();
        assert!(children.iter_mut().all(|child| wait(child).success()));
        let mut pids: Vec<String> = (0..count)
            .map(|number| fs::read_to_string(runtime.place.bundle().join(format!("pid-{number}"))).unwrap())
            .collect();
        pids.sort();
        pids.dedup();
        assert_eq!(pids.len(), usize::try_from(count).unwrap());
        assert!(pids.iter().all(|pid| fs::metadata(format!("/proc/{pid}")).is_ok()));
        runtime.good(&["delete", "--force", id]);
        until("their processes to be gone", || {
            let lives =
                |pid: &String| fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
            (!pids.iter().any(lives)).then_some(())
        });
    });
}

/// A container that was made and not started is there already: others may run before its first process.
#[test]
fn processes_run_in_a_created_container() {
    both(|container| {
        let id = container.id.as_str();
        container.script("sleep 100");
        container.detached(&["create", id]);
        assert_eq!(
            container.output(&["exec", id, "sh", "-c", "exit 7"]).status.code(),
            Some(7),
            "{}",
            container.program
        );
        assert_eq!(container.good(&["exec", id, "echo", "in"]), "in\n");
        assert_ne!(container.good(&["exec", id, "sh", "-c", "echo $$"]), "1\n", "{}", container.program);
        // An orphan before there is anybody who could adopt it.
        container.detached(&["exec", "--detach", id, "sh", "-c", "sleep 50 & exit 0"]);
        container.assert_status("created");
        container.good(&["start", id]);
        container.await_status("running");
        let list =
            || container.good(&["exec", id, "sh", "-c", "for pid in /proc/[0-9]*; do cat $pid/cmdline; echo; done"]);
        until("both", || {
            let list = list();
            (list.contains("sleep\u{0}50") && list.contains("sleep\u{0}100")).then_some(())
        });
        let first = container.good(&["exec", id, "cat", "/proc/1/cmdline"]);
        assert!(first.contains("100"), "{}: {first:?}", container.program);
        container.good(&["delete", "--force", id]);
        // And one that never starts.
        container.detached(&["create", id]);
        container.detached(&["exec", "--detach", id, "sleep", "50"]);
        container.good(&["delete", "--force", id]);
    });
}
