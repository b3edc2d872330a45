//! Flags and what is printed, as runc has them.

mod common;

use std::{cell::RefCell, collections::BTreeSet, fs, process::Stdio};

use common::{change, finish, runtime::both, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

#[test]
fn a_container_is_kept_if_asked_for() {
    both(|runtime| {
        let id = runtime.id.as_str();
        runtime.script("exit 3");
        let output = runtime.output(&["run", "--keep", id]);
        assert_eq!(output.status.code(), Some(3), "{}: {output:?}", runtime.program);
        runtime.assert_status("stopped");
        assert_eq!(runtime.state()["pid"], 0);
        runtime.good(&["delete", id]);
        assert_eq!(runtime.output(&["run", id]).status.code(), Some(3));
        assert!(runtime.bad(&["state", id]).contains("does not exist"));
    });
}

#[test]
fn lists_look_the_same() {
    let seen = RefCell::new(Vec::new());
    both(|runtime| {
        let id = runtime.id.as_str();
        assert_eq!(runtime.good(&["list", "--format", "json"]), "null\n", "{}", runtime.program);
        let empty = runtime.good(&["list"]);
        assert_eq!(runtime.good(&["list", "-q"]), "");
        runtime.script("sleep 1000");
        runtime.detached(&["run", "-d", id]);
        let state = runtime.state();
        let created = state["created"].as_str().unwrap();
        assert!(created.ends_with('Z') && created.contains('.') && created.len() > 22, "{created}");
        let table = runtime.good(&["list"]);
        let row: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
        let bundle = runtime.place.bundle();
        assert_eq!(row[0], id);
        assert_eq!((row[2], row[3], row[4], row[5]), ("running", bundle.to_str().unwrap(), created, "root"));
        seen.borrow_mut().push((empty, state["owner"].clone(), state.as_object().unwrap().len()));
    });
    let seen = seen.into_inner();
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:#?}");
}

/// All paths of objects in a value, but for those below what differs from host to host.
fn paths(value: &Value, path: &str, into: &mut BTreeSet<String>) {
    if let Value::Object(fields) = value {
        for (name, value) in fields {
            let path = format!("{path}.{name}");
            if !["raw", "hugetlb"].contains(&name.as_str()) {
                paths(value, &path, into);
            }
            into.insert(path);
        }
    }
}

#[test]
fn events_have_the_same_fields() {
    let seen = RefCell::new(Vec::new());
    both(|runtime| {
        let id = runtime.id.as_str();
        runtime.script("sleep 1000");
        runtime.bad(&["events", id]);
        change(&runtime.place, |spec| spec["linux"]["cgroupsPath"] = format!("/{id}").into());
        runtime.detached(&["run", "-d", id]);
        let event: Value = serde_json::from_str(&runtime.good(&["events", "--stats", id])).unwrap();
        let mut fields = BTreeSet::new();
        paths(&event, "", &mut fields);
        seen.borrow_mut().push(fields);
        // Again and again, until it ends.
        let mut command = runtime.command(&["events", "--interval", "0.02s", id]);
        let file = runtime.place.0.join("events");
        let output = fs::File::create(&file).unwrap();
        let child = command.stdout(output).stderr(Stdio::piped()).spawn().unwrap();
        until("further events", || (fs::read_to_string(&file).unwrap().lines().count() > 2).then_some(()));
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        finish(child);
        for interval in ["0s", "-1s", "x", "5"] {
            runtime.bad(&["events", "--interval", interval, id]);
        }
        runtime.good(&["kill", id, "kill"]);
        runtime.await_status("stopped");
        runtime.bad(&["events", id]);
        runtime.bad(&["events", "--stats", id]);
    });
    let seen = seen.into_inner();
    if let [theirs, ours] = &seen[..] {
        // What they have and the host of this test may not count.
        let missing: Vec<_> = theirs.difference(ours).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}

#[test]
fn features_have_the_same_fields() {
    let seen = RefCell::new(Vec::new());
    both(|runtime| {
        let features: Value = serde_json::from_str(&runtime.good(&["features"])).unwrap();
        seen.borrow_mut().push(features);
    });
    let seen = seen.into_inner();
    let [theirs, ours] = &seen[..] else { return };
    let set = |value: &Value| -> BTreeSet<String> {
        value.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    for pointer in ["/hooks", "/linux/namespaces", "/linux/capabilities", "/linux/seccomp/operators"] {
        let (theirs, ours) = (set(theirs.pointer(pointer).unwrap()), set(ours.pointer(pointer).unwrap()));
        assert!(theirs.is_subset(&ours), "{pointer}: {:?}", theirs.difference(&ours));
    }
    let (mut their_fields, mut our_fields) = (BTreeSet::new(), BTreeSet::new());
    paths(theirs, "", &mut their_fields);
    paths(ours, "", &mut our_fields);
    let missing: Vec<_> =
        their_fields.difference(&our_fields).filter(|path| !path.contains("opencontainers")).collect();
    assert!(missing.iter().all(|path| path.starts_with(".annotations.")), "{missing:?}");
}

#[test]
fn global_flags_of_tools() {
    both(|runtime| {
        for flags in [
            &["--criu", "/usr/sbin/criu"][..],
            &["--rootless", "false"],
            &["--rootless=auto"],
            &["--log-format=json", "--log", "/dev/null", "--debug"],
        ] {
            runtime.good(&[flags, &["list"]].concat());
        }
        for flags in [&["--log-format", "xml"][..], &["--unknown"]] {
            runtime.bad(&[flags, &["list"]].concat());
        }
    });
}

#[test]
fn created_containers_are_paused_too() {
    both(|runtime| {
        let id = runtime.id.as_str();
        runtime.script("sleep 1000");
        runtime.detached(&["create", id]);
        runtime.good(&["pause", id]);
        runtime.assert_status("paused");
        runtime.bad(&["pause", id]);
        runtime.bad(&["start", id]);
        runtime.good(&["resume", id]);
        runtime.assert_status("created");
        runtime.bad(&["resume", id]);
        runtime.good(&["start", id]);
        runtime.assert_status("running");
        runtime.good(&["delete", "--force", id]);
        assert_eq!(fs::read_dir(runtime.place.state()).unwrap().count(), 0);
    });
}

#[test]
fn signals_by_all_their_names() {
    both(|runtime| {
        let id = runtime.id.as_str();
        runtime.script("trap 'echo got >> /dev/shm/got' USR1; echo > /dev/shm/set; while :; do sleep 0.02; done");
        runtime.detached(&["run", "-d", id]);
        until("the trap", || runtime.output(&["exec", id, "cat", "/dev/shm/set"]).status.success().then_some(()));
        for (count, name) in ["USR1", "SIGUSR1", "usr1", "sigusr1", "10"].iter().enumerate() {
            runtime.good(&["kill", id, name]);
            until(name, || {
                let text = runtime.output(&["exec", id, "cat", "/dev/shm/got"]).stdout;
                (String::from_utf8_lossy(&text).lines().count() == count + 1).then_some(())
            });
        }
        for name in ["NONE", "USR1x", "-9", "1.5", "SIG"] {
            runtime.bad(&["kill", "--", id, name]);
        }
    });
}

/// Columns are chosen by options of ps(1).
#[test]
fn ps_has_the_columns_that_are_asked_for() {
    both(|container| {
        container.script("sleep 100 & sleep 100");
        container.detached(&["run", "--detach", &container.id]);
        until("both processes", || {
            (container.good(&["ps", &container.id]).matches("sleep 100").count() > 1).then_some(())
        });
        for (options, columns) in [
            (&[][..], "UID PID PPID C STIME TTY TIME CMD"),
            (&["-ef"], "UID PID PPID C STIME TTY TIME CMD"),
            (&["aux"], "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND"),
            (&["-e", "-o", "pid,ppid,comm"], "PID PPID COMMAND"),
            (&["-eo", "comm=NAME,pid"], "NAME PID"),
        ] {
            let printed = container.good(&[&["ps", &container.id], options].concat());
            let lines: Vec<Vec<&str>> = printed.lines().map(|line| line.split_whitespace().collect()).collect();
            assert_eq!(lines[0].join(" "), columns, "{}", container.program);
            assert_eq!(printed.matches("sleep").count(), 2, "{}: {printed}", container.program);
            let pid = lines[0].iter().position(|title| *title == "PID").unwrap();
            assert!(lines[1..].iter().all(|line| line[pid].parse::<u32>().is_ok()), "{printed}");
        }
        container.bad(&["ps", &container.id, "-o", "pid,moon"]);
        container.good(&["delete", "--force", &container.id]);
    });
}
