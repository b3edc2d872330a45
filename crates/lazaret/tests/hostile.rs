//! A sandbox that was taken over answers the commands: whatever it says, they end in bounded time and memory with an
//! error, and say nothing to the terminal that was not meant for it.

mod common;

use std::{
    fs,
    io::IoSlice,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use common::{Place, finish_within, script, wait};
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags,
    SocketType, accept_with, bind, listen, recv, sendmsg, socket_with,
};
use serde_json::{Value, json};

/// Twice as long as commands wait for a sandbox, and some more.
const PATIENCE: Duration = Duration::from_secs(50);

/// Address space of a command, in KiB.
const MEMORY: u32 = 1_000_000;

/// What a hostile sandbox does with a request.
enum Reply {
    /// It sends these bytes.
    Bytes(Vec<u8>),
    /// It sends these bytes and many descriptors.
    Files(Vec<u8>),
    /// It never answers.
    Nothing,
    /// It hangs up.
    Close,
}

type Behaviour = dyn Fn(&Value) -> Reply + Send + Sync;

/// An answer as the protocol has it.
fn answer(message: &Value) -> Reply {
    Reply::Bytes(json!({ "version": 3, "message": message }).to_string().into_bytes())
}

/// Serves a control socket until the process ends.
fn serve(path: &Path, behaviour: Arc<Behaviour>) {
    let listener = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    bind(&listener, &SocketAddrUnix::new(path).unwrap()).unwrap();
    listen(&listener, 64).unwrap();
    thread::spawn(move || {
        while let Ok(caller) = accept_with(&listener, SocketFlags::CLOEXEC) {
            let behaviour = behaviour.clone();
            thread::spawn(move || converse(&caller, &*behaviour));
        }
    });
}

fn converse(caller: &OwnedFd, behaviour: &Behaviour) {
    let mut buffer = vec![0_u8; 200_000];
    while let Ok((length @ 1.., _)) = recv(caller, &mut buffer[..], RecvFlags::empty()) {
        let request: Value = serde_json::from_slice(&buffer[..length]).unwrap_or_default();
        let (bytes, files) = match behaviour(&request["message"]["request"]) {
            Reply::Bytes(bytes) => (bytes, Vec::new()),
            Reply::Files(bytes) => (bytes, vec![caller.as_fd(); 200]),
            Reply::Nothing => continue,
            Reply::Close => return,
        };
        let mut space = vec![std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !files.is_empty() {
            assert!(ancillary.push(SendAncillaryMessage::ScmRights(&files)));
        }
        if sendmsg(caller, &[IoSlice::new(&bytes)], &mut ancillary, SendFlags::NOSIGNAL).is_err() {
            return;
        }
    }
}

/// A container whose sandbox process is another program, and whose control socket is served here.
struct Fake {
    place: Place,
    process: Child,
    /// How many seconds the commands wait for an answer.
    answer_timeout: &'static str,
}

impl Fake {
    fn new(behaviour: Arc<Behaviour>, started: bool, answer_timeout: &'static str) -> Fake {
        let place = Place::new();
        script(&place, "true");
        let bundle = place.bundle();
        let mut create = place.command(&["create", "--bundle", bundle.to_str().unwrap(), "c"]);
        let mut child = create.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        assert!(wait(&mut child).success());
        let directory = place.state().join("c");
        let mut state: Value = serde_json::from_slice(&fs::read(directory.join("state.json")).unwrap()).unwrap();
        assert!(place.lazaret(&["delete", "c"]).status.success());
        let process = Command::new("sleep").arg("1000").spawn().unwrap();
        let stat = fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        state["pid"] = process.id().into();
        state["startTime"] = fields.split(' ').nth(19).unwrap().parse::<u64>().unwrap().into();
        state["started"] = started.into();
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("state.json"), state.to_string()).unwrap();
        fs::write(directory.join("lock"), "").unwrap();
        serve(&directory.join("control.sock"), behaviour);
        Fake { place, process, answer_timeout }
    }

    /// Starts a command that may use so much memory and no more.
    fn spawn(&self, args: &[&str]) -> Child {
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -v $0; exec \"$@\"", &MEMORY.to_string(), env!("CARGO_BIN_EXE_lazaret"), "--root"]);
        command.arg(self.place.state()).args(["--answer-timeout", self.answer_timeout]).args(args).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        // A command may have killed it.
        let _ = self.process.kill();
        self.process.wait().unwrap();
    }
}

/// Every command that talks to a sandbox, but for the last, which ends it.
const COMMANDS: &[&[&str]] = &[
    &["state", "c"],
    &["list"],
    &["list", "--format", "json"],
    &["ps", "c"],
    &["ps", "--format", "json", "c"],
    &["events", "--stats", "c"],
    &["events", "--interval", "10ms", "c"],
    &["pause", "c"],
    &["resume", "c"],
    &["kill", "c", "USR1"],
    &["kill", "--all", "c", "USR1"],
    &["kill", "--pid", "7", "c", "USR1"],
    &["update", "--pids-limit", "5", "c"],
    &["exec", "c", "true"],
    &["exec", "--detach", "c", "true"],
    &["wait", "--pid", "7", "c"],
    &["debug", "--stacks", "c"],
    &["debug", "--ps", "c"],
    &["debug", "--strace=all", "c"],
    &["debug", "--sandbox", "c"],
    &["start", "c"],
    &["delete", "c"],
];

/// Commands that tell what they know without the sandbox's help.
const KNOWING: &[&str] = &["state", "list"];

/// Runs all commands against a hostile sandbox; how many have failed.
fn attack(behaviour: impl Fn(&Value) -> Reply + Send + Sync + 'static, started: bool) -> usize {
    attack_within("10", behaviour, started)
}

/// The same with another time for each answer.
fn attack_within(
    answer_timeout: &'static str,
    behaviour: impl Fn(&Value) -> Reply + Send + Sync + 'static,
    started: bool,
) -> usize {
    let fake = Fake::new(Arc::new(behaviour), started, answer_timeout);
    let mut failed = 0;
    let children: Vec<_> = COMMANDS.iter().map(|args| (args, fake.spawn(args))).collect();
    for (args, child) in children {
        // These go on for as long as they are told good news, or nothing.
        let is_endless = args.contains(&"--interval") || args[0] == "wait";
        let mut child = child;
        if is_endless {
            thread::sleep(Duration::from_millis(200));
            if child.try_wait().unwrap().is_none() {
                child.kill().unwrap();
                child.wait().unwrap();
                continue;
            }
        }
        let output = finish_within(child, PATIENCE);
        check(args, &output);
        if !KNOWING.contains(&args[0]) {
            failed += usize::from(!output.status.success());
        }
    }
    // It can always be got rid of.
    let output = finish_within(fake.spawn(&["delete", "--force", "c"]), PATIENCE);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(fs::read_dir(fake.place.state()).unwrap().count(), 0);
    failed
}

/// No panic, no want of memory, and nothing for the terminal.
#[track_caller]
fn check(args: &[&str], output: &Output) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!error.contains("panicked") && !error.contains("memory allocation"), "{args:?}: {error}");
    let code = output.status.code().unwrap_or_else(|| panic!("{args:?}: {output:?}"));
    let expected: &[i32] = if args[0] == "exec" { &[0, 77, 255] } else { &[0, 1, 77] };
    assert!(expected.contains(&code), "{args:?}: {output:?}");
    for stream in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(stream);
        assert!(!text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{args:?}: {text:?}");
        assert!(stream.len() < 20_000_000, "{args:?} prints {} bytes", stream.len());
    }
    assert!(output.stderr.len() < 10_000, "{args:?}: {} bytes of errors", output.stderr.len());
    if code != 0 && code != 77 {
        assert!(!error.is_empty(), "{args:?} says nothing");
    }
}

/// What a sandbox may say instead of an answer, with a name for it.
type Nonsense = (&'static str, fn() -> Reply);

fn nonsense() -> Vec<Nonsense> {
    vec![
        ("it hangs up", || Reply::Close),
        ("bytes", || Reply::Bytes(b"\xff\x00\x1b[2Jgarbage".to_vec())),
        ("a number", || Reply::Bytes(b"7".to_vec())),
        ("another version", || Reply::Bytes(br#"{"version":9,"message":"later"}"#.to_vec())),
        ("a huge version", || Reply::Bytes(br#"{"version":99999999999999999999,"message":1}"#.to_vec())),
        ("an unknown answer", || answer(&json!({ "nonsense": { "a": 1 } }))),
        ("a wrong type", || answer(&json!({ "state": 7 }))),
        ("a wrong number", || answer(&json!({ "exited": { "status": 70_000 } }))),
        ("deep nesting", || Reply::Bytes([br#"{"version":3,"message":"#.to_vec(), vec![b'['; 100_000]].concat())),
        ("a long message", || Reply::Bytes(vec![b' '; 170_000])),
        ("a refusal for the terminal", || {
            let text = format!("\u{1b}]0;title\u{7}\u{9b}2J\r{}", "x".repeat(100_000));
            answer(&json!({ "failed": { "step": text, "cause": "\u{1b}c", "errno": i32::MIN } }))
        }),
        ("many descriptors", || {
            Reply::Files(json!({ "version": 3, "message": { "state": "running" } }).to_string().into_bytes())
        }),
    ]
}

#[test]
fn answers_that_are_none() {
    for (what, reply) in nonsense() {
        eprintln!("{what}");
        for started in [false, true] {
            assert!(attack(move |_| reply(), started) > 12, "{what}");
        }
    }
}

#[test]
fn lies_about_all_but_the_state() {
    for (number, (what, reply)) in nonsense().into_iter().enumerate() {
        // The commands differ in what they ask in a state, not in how they take the answer.
        let states: &[&'static str] = if number < 2 { &["created", "running", "paused"] } else { &["running"] };
        for &state in states {
            eprintln!("{what}, {state}");
            let behaviour =
                move |request: &Value| if request == "state" { answer(&json!({ "state": state })) } else { reply() };
            assert!(attack(behaviour, state != "created") > 12, "{what}, {state}");
        }
    }
}

#[test]
fn answers_to_other_questions() {
    for message in [
        json!("done"),
        json!({ "started": { "pid": i32::MIN } }),
        json!({ "exited": { "status": 77 } }),
        json!({ "processes": [] }),
        json!({ "threads": [] }),
        json!({ "usage": { "user": u64::MAX, "system": u64::MAX, "tasks": u64::MAX, "memory": u64::MAX, "interfaces": [
            { "name": "\u{1b}[2J", "received": { "bytes": 1, "packets": 1, "errors": 1, "dropped": u64::MAX },
              "sent": { "bytes": 1, "packets": 1, "errors": 1, "dropped": 1 } }] } }),
    ] {
        eprintln!("{message}");
        attack(
            move |request| if request == "state" { answer(&json!({ "state": "running" })) } else { answer(&message) },
            true,
        );
    }
}

#[test]
fn lists_without_an_end() {
    let process = |pid: i64| {
        json!({ "pid": pid, "ppid": -1, "pgid": i32::MIN, "uid": u32::MAX, "threads": u32::MAX, "terminal": u32::MAX,
            "started": u64::MAX, "cpu": u64::MAX, "command": "\u{1b}[2J\n".repeat(100) })
    };
    let thread = |id: i64| {
        json!({ "id": id, "name": "\u{1b}[2J", "state": "\u{1b}", "host_call": "\r", "task": { "container": "\u{7}",
            "pid": 1, "tid": 1, "name": "\n\u{1b}", "state": "sleeping", "call": "\u{9b}".repeat(100),
            "sleep": { "milliseconds": u64::MAX, "place": "\u{1b}" }, "application_thread": -1 } })
    };
    for step in [0, 1, -1] {
        attack(
            move |request| {
                if request == "state" {
                    return answer(&json!({ "state": "running" }));
                }
                let of =
                    |name: &str| request[name]["after"].as_i64().map(|after| (1..=50).map(move |n| after + n * step));
                if let Some(pids) = of("processes") {
                    return answer(&json!({ "processes": pids.map(process).collect::<Vec<_>>() }));
                }
                if let Some(ids) = of("threads") {
                    return answer(&json!({ "threads": ids.map(thread).collect::<Vec<_>>() }));
                }
                answer(&json!("done"))
            },
            true,
        );
    }
}

#[test]
fn silence() {
    // Commands that change the container wait for each other, and some for several answers.
    let attack = |behaviour: fn(&Value) -> Reply, started| attack_within("1", behaviour, started);
    thread::scope(|scope| {
        scope.spawn(|| attack(|_| Reply::Nothing, true));
        scope.spawn(|| attack(|_| Reply::Nothing, false));
        let truthful =
            |request: &Value| if request == "state" { answer(&json!({ "state": "running" })) } else { Reply::Nothing };
        scope.spawn(move || attack(truthful, true));
    });
}
