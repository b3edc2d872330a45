//! Real containers, from their making to their end.

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use common::{Place, change, finish, script, until, wait};
use rustix::process::{Pid, Signal, kill_process};

#[track_caller]
fn assert_output(output: &Output, status: i32, stdout: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), stdout, "{error}");
    assert_eq!(output.status.code(), Some(status), "{error}");
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// The sandbox process of the only container of a place.
fn sandbox_pid(place: &Place) -> Option<i32> {
    let list = place.lazaret(&["list", "--format", "json"]);
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).ok()?;
    i32::try_from(list[0]["pid"].as_i64()?).ok().filter(|pid| *pid > 0)
}

/// A process runs. Its new parent may take a while to reap one that has ended.
fn is_alive(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn streams_and_exit_statuses() {
    let place = Place::new();
    assert_output(&place.lazaret(&["do", "/bin/echo", "hi"]), 0, "hi\n");
    assert_output(&place.lazaret(&["do", "sh", "-c", "echo out; echo err >&2; exit 7"]), 7, "out\n");
    assert_output(&place.lazaret(&["do", "sh", "-c", "kill -TERM $$"]), 128 + 15, "");
    // A file of the host, below its folder for temporary files, too.
    let file = place.0.join("seen");
    fs::write(&file, "seen\n").unwrap();
    assert_output(&place.lazaret(&["do", "cat", file.to_str().unwrap()]), 0, "seen\n");
    let mut child = place.command(&["do", "cat"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"through\n").unwrap();
    assert_output(&finish(child), 0, "through\n");
    place.assert_clean();
}

/// The position of a file is one for all who have it: both streams, and the host's processes.
#[test]
fn a_file_as_both_streams() {
    let place = Place::new();
    let path = place.0.join("out");
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(b"before\n").unwrap();
    let streams = || Stdio::from(file.try_clone().unwrap());
    let script = "echo one; echo two >&2; echo three; (echo four; echo five >&2) & wait";
    let child = place.command(&["do", "sh", "-c", script]).stdout(streams()).stderr(streams()).spawn().unwrap();
    assert!(finish(child).status.success());
    file.write_all(b"after\n").unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "before\none\ntwo\nthree\nfour\nfive\nafter\n");
    let mut file = std::fs::File::open(&path).unwrap();
    let script = "read a; read b; echo $a $b";
    assert_output(
        &finish(
            place
                .command(&["do", "sh", "-c", script])
                .stdin(file.try_clone().unwrap())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap(),
        ),
        0,
        "before one\n",
    );
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut file, &mut rest).unwrap();
    assert_eq!(rest, "two\nthree\nfour\nfive\nafter\n");
    place.assert_clean();
}

#[test]
fn programs_that_cannot_run() {
    let place = Place::new();
    let text = place.0.join("text");
    fs::write(&text, "text").unwrap();
    let text = text.to_str().unwrap();
    for (program, status, expected) in
        [("/nonexistent", 127, "no such file"), ("nonexistent", 127, "nonexistent"), (text, 126, "permission denied")]
    {
        let volume = format!("{text}:{text}:ro");
        let output = place.lazaret(&["do", "--volume", &volume, program]);
        let error = String::from_utf8_lossy(&output.stderr).to_lowercase();
        assert!(error.contains(expected), "{error}");
        assert_eq!(output.status.code(), Some(status), "{error}");
    }
    place.assert_clean();
}

#[test]
fn environment_directory_and_names() {
    let place = Place::new();
    let shell = |options: &[&str], script: &str| {
        let args: Vec<&str> = ["do"].iter().chain(options).chain(&["sh", "-c", script]).copied().collect();
        place.lazaret(&args)
    };
    assert_output(&shell(&["--env", "A=b c"], "echo \"$A\""), 0, "b c\n");
    assert_output(&shell(&["--cwd", "/usr"], "pwd"), 0, "/usr\n");
    assert_output(&shell(&["--hostname", "island"], "uname -n"), 0, "island\n");
    assert_output(&shell(&["--uid", "1000", "--gid", "1001"], "id -u; id -g"), 0, "1000\n1001\n");
    assert_output(&shell(&["--user", "daemon"], "id -un"), 0, "daemon\n");
}

#[test]
fn writes_reach_the_host_only_where_allowed() {
    let place = Place::new();
    let open = place.0.join("open");
    let closed = place.0.join("closed");
    fs::create_dir(&open).unwrap();
    fs::create_dir(&closed).unwrap();
    fs::write(closed.join("file"), "kept").unwrap();
    let (open, closed) = (open.to_str().unwrap(), closed.to_str().unwrap());
    let volume = format!("{closed}:/mnt:ro");
    let script = format!(
        "echo inside > {open}/new; echo changed > /mnt/file; echo changed > /etc/lazaret-test; cat /etc/lazaret-test"
    );
    let output = place.lazaret(&["do", "--rw", open, "--volume", &volume, "sh", "-c", &script]);
    assert_output(&output, 0, "changed\n");
    assert_eq!(fs::read_to_string(Path::new(open).join("new")).unwrap(), "inside\n");
    assert_eq!(fs::read_to_string(Path::new(closed).join("file")).unwrap(), "kept");
    assert!(!Path::new("/etc/lazaret-test").exists());
}

#[test]
fn signals_are_passed_on() {
    let place = Place::new();
    let mut child = place
        .command(&["do", "sh", "-c", "trap 'echo got; exit 3' TERM; echo ready; while :; do sleep 0.05; done"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    signal(&child, Signal::TERM);
    assert_eq!(lines.next().unwrap().unwrap(), "got");
    assert_eq!(wait(&mut child).code(), Some(3));
}

#[test]
fn a_container_lives_through_its_states() {
    let place = Place::new();
    script(&place, "trap 'exit 5' TERM; while :; do sleep 0.05; done");
    let bundle = place.bundle();
    let bundle = bundle.to_str().unwrap();
    let pid_file = place.0.join("pid");
    let create = ["create", "--bundle", bundle, "--pid-file", pid_file.to_str().unwrap(), "c"];
    // Without pipes: a detached container keeps its streams open.
    let quiet = |args: &[&str]| {
        let mut command = place.command(args);
        wait(&mut command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    };
    assert!(quiet(&create).success());
    let status = |id: &str| {
        let state: serde_json::Value = serde_json::from_slice(&place.lazaret(&["state", id]).stdout).unwrap();
        state["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(status("c"), "created");
    assert_eq!(fs::read_to_string(&pid_file).unwrap(), sandbox_pid(&place).unwrap().to_string());
    assert_eq!(quiet(&create).code(), Some(1), "the id is in use");
    assert!(quiet(&["start", "c"]).success());
    assert_eq!(status("c"), "running");
    assert_eq!(quiet(&["start", "c"]).code(), Some(1), "it runs already");
    assert_eq!(quiet(&["delete", "c"]).code(), Some(1), "it still runs");
    assert_output(&place.lazaret(&["exec", "c", "sh", "-c", "echo in; exit 9"]), 9, "in\n");
    let mut waiter = place.command(&["wait", "c"]).stdin(Stdio::null()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert!(quiet(&["kill", "c", "TERM"]).success());
    assert_eq!(wait(&mut waiter).code(), Some(5));
    until("the container's end", || (status("c") == "stopped").then_some(()));
    assert_eq!(quiet(&["kill", "c", "TERM"]).code(), Some(1), "it has ended");
    assert!(quiet(&["delete", "c"]).success());
    place.assert_clean();
}

/// Kills the command line of a running sandbox, and waits for the sandbox to end by that.
fn kill_command_line(place: &Place) {
    let mut child = place.command(&["do", "sleep", "1000"]).stdin(Stdio::null()).spawn().unwrap();
    let sandbox = until("the sandbox", || sandbox_pid(place));
    child.kill().unwrap();
    child.wait().unwrap();
    until("the sandbox's end", || (!is_alive(sandbox)).then_some(()));
}

#[test]
fn what_a_killed_command_leaves_is_swept_away() {
    let place = Place::new();
    kill_command_line(&place);
    assert_eq!(fs::read_dir(place.state()).unwrap().count(), 1);
    assert_output(&place.lazaret(&["do", "echo", "next"]), 0, "next\n");
    assert_eq!(fs::read_dir(place.state()).unwrap().count(), 0);
}

#[test]
fn hooks_are_run_with_the_state() {
    let place = Place::new();
    script(&place, "exit 0");
    let log = place.0.join("log");
    let hook = |name: &str| {
        let script = format!("read state; echo {name} $EXTRA \"$state\" >> {}", log.display());
        serde_json::json!([{ "path": "/bin/sh", "args": ["sh", "-c", script], "env": ["EXTRA=e"], "timeout": 10 }])
    };
    let names = ["prestart", "createRuntime", "createContainer", "poststart", "poststop"];
    let hooks: serde_json::Map<_, _> = names.into_iter().map(|name| (name.to_owned(), hook(name))).collect();
    change(&place, |spec| spec["hooks"] = hooks.into());
    assert_output(&place.run("c"), 0, "");
    let text = fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), names.len(), "{text}");
    for (line, name) in lines.iter().zip(names) {
        let (start, state) = line.split_at(line.find('{').unwrap());
        assert_eq!(start, format!("{name} e "));
        let state: serde_json::Value = serde_json::from_str(state).unwrap();
        let status = match name {
            "poststart" => "running",
            "poststop" => "stopped",
            _ => "creating",
        };
        assert_eq!((state["id"].as_str(), state["status"].as_str()), (Some("c"), Some(status)));
        assert_eq!(state["pid"].as_i64() == Some(0), name == "poststop");
    }
    change(&place, |spec| {
        spec["hooks"]["prestart"][0]["args"] = serde_json::json!(["sh", "-c", "echo no luck >&2; exit 3"]);
    });
    let output = place.run("c");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("error running prestart hook #0: exit status 3, stdout: , stderr: no luck"), "{error}");
    assert_eq!(output.status.code(), Some(1));
    place.assert_clean();
}

#[test]
fn hooks_of_the_container_run_in_it() {
    let place = Place::new();
    script(&place, "echo main $$; cat /tmp/log; ls /tmp");
    let script =
        "read state; echo \"$EXTRA $0 $(id -u) $PWD\" $state > /tmp/log; tr '\\0' ' ' < /proc/1/cmdline >> /tmp/log";
    let hook = |script: &str| serde_json::json!({ "path": "/bin/sh", "args": ["name", "-c", script], "timeout": 10 });
    change(&place, |spec| {
        spec["process"]["user"]["uid"] = 7.into();
        spec["process"]["cwd"] = "/usr".into();
        spec["process"]["env"] = serde_json::json!(["PATH=/usr/bin:/bin", "EXTRA=e"]);
        spec["mounts"].as_array_mut().unwrap().push(serde_json::json!({
            "destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]
        }));
        spec["hooks"] = serde_json::json!({ "startContainer": [hook(script), hook("touch /tmp/second")] });
    });
    let output = place.run("c");
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines[0], lines.last()), ("main 1", Some(&"second")), "{output:?}");
    let (start, state) = lines[1].split_at(lines[1].find('{').unwrap());
    assert_eq!(start, "e name 7 /usr ");
    let state: serde_json::Value = serde_json::from_str(state).unwrap();
    assert_eq!((state["status"].as_str(), state["pid"].as_i64()), (Some("created"), Some(1)));
    // The first process is there while the hooks run.
    assert!(lines[2].starts_with("/bin/sh -c echo main"), "{text}");
    for (bad, expected) in [
        (
            hook("echo a; echo b >&2; exit 3"),
            "error running startContainer hook #0: exit status 3, stdout: a, stderr: b",
        ),
        (
            serde_json::json!({ "path": "/bin/sleep", "args": ["sleep", "9"], "timeout": 1 }),
            "ran past specified timeout of 1s",
        ),
        (serde_json::json!({ "path": "/nothing" }), "fork/exec /nothing: "),
    ] {
        change(&place, |spec| spec["hooks"]["startContainer"] = serde_json::json!([bad]));
        let output = place.run("c");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains(expected), "{error}");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
        place.assert_clean();
    }
}

#[test]
fn descriptors_are_passed_on_if_asked_for() {
    let place = Place::new();
    script(&place, "cat <&3; cat <&4 2>/dev/null || echo no 4");
    fs::write(place.0.join("three"), "three\n").unwrap();
    let run = |count: &str| {
        let line = format!(
            "exec 3< {}; exec \"$0\" --root {} run --preserve-fds {count} --bundle {} c",
            place.0.join("three").display(),
            place.state().display(),
            place.bundle().display()
        );
        common::run(Command::new("sh").args(["-c", &line, env!("CARGO_BIN_EXE_lazaret")]).stdin(Stdio::null()))
    };
    assert_output(&run("1"), 0, "three\nno 4\n");
    let output = run("2");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("descriptor 4"), "{output:?}");
    place.assert_clean();
}

#[test]
fn detached_processes_have_one_that_stands_for_them() {
    let place = Place::new();
    script(&place, "sleep 1000");
    let bundle = place.bundle();
    let quiet = |args: &[&str]| {
        let mut command = place.command(args);
        wait(&mut command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()).code()
    };
    assert_eq!(quiet(&["run", "--detach", "--bundle", bundle.to_str().unwrap(), "c"]), Some(0));
    let pid_file = place.0.join("pid");
    let exec = ["exec", "--detach", "--pid-file", pid_file.to_str().unwrap(), "c"];
    assert_eq!(quiet(&[&exec[..], &["sleep", "1000"]].concat()), Some(0));
    let pid: i32 = fs::read_to_string(&pid_file).unwrap().parse().unwrap();
    assert!(is_alive(pid));
    kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
    until("its end", || (!is_alive(pid)).then_some(()));
    assert_eq!(quiet(&[&exec[..], &["/nonexistent"]].concat()), Some(255));
    assert_eq!(quiet(&["kill", "c", "KILL"]), Some(0));
    assert_eq!(place.lazaret(&["wait", "c"]).status.code(), Some(128 + 9));
    assert_eq!(place.lazaret(&["wait", "c"]).status.code(), Some(128 + 9), "after the end");
    assert_eq!(quiet(&["delete", "c"]), Some(0));
    place.assert_clean();
}

#[test]
fn a_hundred_containers_come_and_go() {
    let place = Place::new();
    script(&place, "exit 0");
    let bundle = place.bundle();
    let bundle = bundle.to_str().unwrap();
    let mounts = || fs::read_to_string("/proc/self/mountinfo").unwrap().lines().count();
    let before = mounts();
    for _ in 0..100 {
        let mut command = place.command(&["run", "--detach", "--bundle", bundle, "c"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        assert!(wait(&mut child).success());
        let sandbox = sandbox_pid(&place);
        assert!(place.lazaret(&["delete", "--force", "c"]).status.success());
        assert!(sandbox.is_none_or(|pid| !is_alive(pid)));
    }
    assert_eq!(mounts(), before);
    place.assert_clean();
}

#[test]
fn concurrent_commands_agree() {
    let place = Place::new();
    script(&place, "sleep 1000");
    let bundle = place.bundle();
    let bundle = bundle.to_str().unwrap();
    let start = |args: &[&str]| {
        let mut command = place.command(args);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let good = |children: Vec<Child>| {
        children.into_iter().filter_map(|mut child| wait(&mut child).success().then_some(())).count()
    };
    let many = |args: &[&str]| good((0..5).map(|_| start(args)).collect());
    for _ in 0..5 {
        assert_eq!(many(&["create", "--bundle", bundle, "c"]), 1);
        assert_eq!(many(&["start", "c"]), 1);
        assert_eq!(many(&["delete", "c"]), 0);
        assert_eq!(many(&["kill", "c", "0"]), 5);
        assert_eq!(many(&["delete", "--force", "c"]), 5);
    }
    place.assert_clean();
}

#[test]
fn the_death_of_the_command_line_ends_all() {
    let place = Place::new();
    kill_command_line(&place);
    place.assert_clean();
}

#[test]
fn the_death_of_the_sandbox_is_told() {
    let place = Place::new();
    let child = place.command(&["do", "sleep", "1000"]).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let sandbox = until("the sandbox", || sandbox_pid(&place));
    kill_process(Pid::from_raw(sandbox).unwrap(), Signal::KILL).unwrap();
    let output = finish(child);
    assert_eq!(output.status.code(), Some(128 + 9), "{:?}", output.status.signal());
    assert!(String::from_utf8_lossy(&output.stderr).contains("killed by signal 9"));
    place.assert_clean();
}

#[test]
fn the_sandbox_process_has_nothing_of_its_maker() {
    let place = Place::new();
    let mut command = place.command(&["do", "sleep", "1000"]);
    let mut child = command.env("LAZARET_TEST", "secret").stdin(Stdio::null()).spawn().unwrap();
    let sandbox = until("the sandbox", || sandbox_pid(&place));
    let read = |name: &str| fs::read(format!("/proc/{sandbox}/{name}")).unwrap();
    let arguments = read("cmdline");
    assert!(arguments.starts_with(b"lazaret: sandbox "), "{}", String::from_utf8_lossy(&arguments));
    assert!(!String::from_utf8_lossy(&arguments).contains("1000"));
    assert!(read("environ").iter().all(|byte| *byte == 0));
    if rustix::process::geteuid().is_root() {
        // A user that no other sandbox has.
        let status = String::from_utf8(read("status")).unwrap();
        let own = 0x7000_0000 + sandbox;
        assert!(status.contains(&format!("Uid:\t{own}\t{own}\t{own}\t{own}\n")), "{status}");
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    wait(&mut child);
    place.assert_clean();
}

#[test]
fn a_sandbox_that_does_not_answer_can_be_deleted() {
    let place = Place::new();
    script(&place, "sleep 1000");
    let mut command = place.command(&["run", "--detach", "--bundle", place.bundle().to_str().unwrap(), "deaf"]);
    // The container keeps them open.
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(wait(&mut command.spawn().unwrap()).success());
    let sandbox = Pid::from_raw(sandbox_pid(&place).unwrap()).unwrap();
    kill_process(sandbox, Signal::STOP).unwrap();
    assert_output(&place.lazaret(&["delete", "--force", "deaf"]), 0, "");
    assert!(!is_alive(sandbox.as_raw_nonzero().get()));
    place.assert_clean();
}
