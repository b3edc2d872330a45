//! Looking into a running sandbox: what its threads do, and what it logs.

mod common;

use std::{
    fs,
    process::{Output, Stdio},
};

use common::{Place, script, until, wait};

/// A container that runs in the background.
struct Container {
    place: Place,
}

impl Container {
    /// Starts a shell script.
    fn start(text: &str) -> Container {
        Container::start_at(Place::new(), &[], text)
    }

    /// The same, with global flags.
    fn start_at(place: Place, flags: &[&str], text: &str) -> Container {
        script(&place, text);
        let bundle = place.bundle();
        let mut command =
            place.command(&[flags, &["run", "--detach", "--bundle", bundle.to_str().unwrap(), "c"]].concat());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        assert!(wait(&mut child).success());
        Container { place }
    }

    #[track_caller]
    fn good(&self, args: &[&str]) -> String {
        let output = self.place.lazaret(args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn bad(&self, args: &[&str], expected: &str) {
        let Output { status, stderr, .. } = self.place.lazaret(args);
        let error = String::from_utf8_lossy(&stderr);
        assert!(error.contains(expected), "expected {expected:?} in {error:?}");
        assert_eq!(status.code(), Some(1), "{error}");
    }

    /// The paragraph about a task whose text contains `what`, once there is one.
    fn task(&self, what: &str) -> String {
        until(what, || {
            let text = self.good(&["debug", "--stacks", "c"]);
            text.split("\n\n").find(|task| task.contains(what)).map(str::to_owned)
        })
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.place.lazaret(&["delete", "--force", "c"]);
    }
}

/// A container that sleeps, and what is in its debug log.
fn logged() -> (Container, impl Fn() -> String) {
    let place = Place::new();
    let logs = place.0.join("logs");
    let container = Container::start_at(place, &["--debug-log", logs.to_str().unwrap()], "sleep 1000");
    (container, move || fs::read_to_string(logs.join("c.log")).unwrap())
}

#[test]
fn stacks_tell_what_everybody_does() {
    let container = Container::start(
        "mkfifo /dev/shm/fifo; exec 3<> /dev/shm/fifo; cat <&3 & (while :; do :; done) & sleep 1234 & wait",
    );
    let cat = container.task("read(0</dev/shm/fifo>, 0x");
    assert!(cat.contains("\"cat\" of process ") && cat.contains(" in container c: sleeping for "), "{cat}");
    assert!(cat.contains(" s at fs/pipe/"), "{cat}");
    assert!(cat.contains("application code: host thread "), "{cat}");
    let sleep = container.task("clock_nanosleep(CLOCK_REALTIME, 0, {tv_sec=1234, tv_nsec=0}");
    assert!(sleep.contains("\"sleep\" of process "), "{sleep}");
    let shell = container.task("task 1 \"sh\" of process 1 in container c: sleeping for ");
    assert!(shell.contains("sigsuspend(") || shell.contains("wait4("), "{shell}");
    let busy = container.task("runs application code");
    let pid = busy.split_whitespace().nth(1).unwrap().to_owned();
    // The kernel's own threads, with the host's call that each is in.
    let accept = container.task("\"control\"");
    assert!(accept.contains("in accept4"), "{accept}");

    container.good(&["pause", "c"]);
    let paused = container.task(&format!("task {pid} \"sh\""));
    assert!(paused.contains(": paused for "), "{paused}");
    container.good(&["resume", "c"]);
    container.good(&["exec", "c", "sh", "-c", &format!("kill -STOP {pid}")]);
    assert!(container.task(&format!("task {pid} \"sh\"")).contains(": stopped for "));
    assert!(container.good(&["debug", "--ps", "c"]).contains("sleep 1234"));
}

#[test]
fn stacks_of_many_tasks() {
    let container = Container::start("i=0; while [ $i -lt 150 ]; do sleep 1000 & i=$((i + 1)); done; wait");
    until("all of them", || {
        let text = container.good(&["debug", "--stacks=true", "c"]);
        (text.matches("clock_nanosleep(").count() == 150).then_some(())
    });
}

#[test]
fn what_is_logged_changes_at_run_time() {
    let (container, log) = logged();
    let touch = || container.good(&["exec", "c", "cat", "/etc/hostname"]);
    touch();
    assert!(!log().contains("openat("), "{}", log());
    container.bad(&["debug", "--strace=openat,nosuch", "c"], "there is no system call \"nosuch\"");
    touch();
    assert!(!log().contains("openat("), "{}", log());
    container.good(&["debug", "--strace=openat", "c"]);
    touch();
    assert!(log().contains("openat(AT_FDCWD, \"/etc/hostname\", O_RDONLY"), "{}", log());
    assert!(log().contains("+++ exited with 0 +++") && !log().contains("read("), "{}", log());
    container.good(&["debug", "--strace=all", "c"]);
    touch();
    assert!(log().contains("read("), "{}", log());
    container.good(&["debug", "--strace=off", "c"]);
    let length = log().len();
    touch();
    assert_eq!(log().len(), length);
}

#[test]
fn a_level_is_changed() {
    let (container, log) = logged();
    // Worth a line of level debug.
    let fault = || {
        let output = container.place.lazaret(&["exec", "c", "python3", "-c", "import ctypes; ctypes.string_at(0)"]);
        assert_eq!(output.status.code(), Some(128 + 11), "{output:?}");
    };
    fault();
    assert!(!log().contains("Fault"), "{}", log());
    container.good(&["debug", "--log-level", "debug", "c"]);
    fault();
    assert!(log().contains("Fault"), "{}", log());
    container.good(&["debug", "--log-level=0", "c"]);
    let length = log().len();
    fault();
    assert_eq!(log().len(), length);
}

#[test]
fn a_sandbox_without_a_log_gets_one() {
    let container = Container::start("sleep 1000");
    container.bad(&["debug", "--strace=all", "c"], "the sandbox was made without a debug log");
    container.bad(&["debug", "--log-level=debug", "c"], "the sandbox was made without a debug log");
    container.good(&["debug", "--strace=off", "c"]);
    let logs = container.place.0.join("logs");
    container.good(&["--debug-log", logs.to_str().unwrap(), "debug", "--strace=write", "c"]);
    container.good(&["exec", "c", "echo", "hi"]);
    let log = fs::read_to_string(logs.join("c.log")).unwrap();
    assert!(log.contains("write(1, \"hi\\n\", 3) = 3"), "{log}");
}

#[test]
fn what_cannot_be_debugged() {
    let container = Container::start("sleep 1000");
    container.bad(&["debug", "c"], "required arguments");
    container.bad(&["debug", "--stacks", "unknown"], "does not exist");
    container.bad(&["debug", "--log-level=loud", "c"], "invalid value 'loud'");
    container.bad(&["debug", "--log-packets=true", "c"], "there is no packet log");
    container.good(&["debug", "--log-packets=false", "c"]);
    container.good(&["kill", "c", "KILL"]);
    until("its end", || container.good(&["state", "c"]).contains("stopped").then_some(()));
    for what in ["--stacks", "--ps", "--strace=all", "--log-level=debug"] {
        container.bad(&["debug", what, "c"], "stopped: container not running");
    }
}
