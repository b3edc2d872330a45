//! A test that runs with runc and with us, on bundles alike.

use std::{
    fs,
    os::unix::fs::symlink,
    path::PathBuf,
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::{Value, json};

use super::{Place, change, run, until, wait};

/// A runtime with a state directory and a bundle of its own.
pub struct Runtime {
    /// Where both are.
    pub place: Place,
    /// The program.
    pub program: &'static str,
    /// The container's name; cgroups are named by it.
    pub id: String,
}

impl Runtime {
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.program);
        command.arg("--root").arg(self.place.state()).args(args).current_dir(self.place.bundle());
        command.stdin(Stdio::null());
        command
    }

    pub fn output(&self, args: &[&str]) -> Output {
        run(&mut self.command(args))
    }

    /// The output of a command that must succeed.
    #[track_caller]
    pub fn good(&self, args: &[&str]) -> String {
        let output = self.output(args);
        assert!(output.status.success(), "{}: {args:?}: {output:?}", self.program);
        String::from_utf8(output.stdout).unwrap()
    }

    /// The words of a command that must fail, with status 1.
    #[track_caller]
    pub fn bad(&self, args: &[&str]) -> String {
        let output = self.output(args);
        assert_eq!(output.status.code(), Some(1), "{}: {args:?}: {output:?}", self.program);
        String::from_utf8(output.stderr).unwrap()
    }

    /// The words of an `exec` that must fail: such errors have a status of their own.
    #[track_caller]
    pub fn bad_exec(&self, args: &[&str]) -> String {
        let output = self.output(args);
        assert_eq!(output.status.code(), Some(255), "{}: {args:?}: {output:?}", self.program);
        String::from_utf8(output.stderr).unwrap()
    }

    /// Runs a command that leaves a container behind, whose streams are files: a pipe would not end.
    #[track_caller]
    pub fn detached(&self, args: &[&str]) {
        let log = self.place.0.join("log");
        let file = fs::File::create(&log).unwrap();
        let mut command = self.command(args);
        let mut child = command.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        assert!(wait(&mut child).success(), "{}: {args:?}: {}", self.program, fs::read_to_string(&log).unwrap());
    }

    /// What it tells of the container.
    pub fn state(&self) -> Value {
        serde_json::from_str(&self.good(&["state", &self.id])).unwrap()
    }

    #[track_caller]
    pub fn assert_status(&self, expected: &str) {
        assert_eq!(self.state()["status"], expected, "{}", self.program);
    }

    pub fn await_status(&self, expected: &str) {
        until(expected, || (self.state()["status"] == expected).then_some(()));
    }

    /// Has the container run a shell script.
    pub fn script(&self, script: &str) {
        change(&self.place, |spec| spec["process"]["args"] = json!(["/bin/sh", "-c", script]));
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let _ = self.output(&["delete", "--force", &self.id]);
    }
}

/// Runs a test with both runtimes, with a root of busybox.
pub fn both(test: impl Fn(&Runtime)) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    if !rustix::process::geteuid().is_root() || !PathBuf::from("/bin/busybox").exists() {
        eprintln!("not tested: needs root and busybox");
        return;
    }
    for program in ["/usr/sbin/runc", env!("CARGO_BIN_EXE_lazaret")] {
        if !PathBuf::from(program).exists() {
            eprintln!("not tested with {program}: it is not installed");
            continue;
        }
        let place = Place::new();
        let bin = place.bundle().join("rootfs/bin");
        fs::create_dir_all(&bin).unwrap();
        fs::copy("/bin/busybox", bin.join("busybox")).unwrap();
        for name in ["sh", "sleep", "id", "pwd", "cat", "echo", "tty", "stty", "true", "ls"] {
            symlink("busybox", bin.join(name)).unwrap();
        }
        let id = format!("oci-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        change(&place, |spec| {
            spec["process"]["env"] = json!(["PATH=/bin"]);
            // Not every host lets runc raise limits.
            spec["process"]["rlimits"] = json!([]);
        });
        test(&Runtime { place, program, id });
    }
}
