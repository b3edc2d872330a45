//! Running the command line in a test: bounded in time, and with nothing left behind.

#![allow(dead_code, reason = "each test file uses a part")]

pub mod netns;
pub mod runtime;

use std::{
    fs,
    io::Read,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

/// How long anything may take, on the slowest machine.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// A directory for one test, with a valid bundle in it.
pub struct Place(pub PathBuf);

impl Place {
    /// A new directory, and a bundle with an empty root and no terminal.
    pub fn new() -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("lazaret-cli-{}-{number}", std::process::id()));
        fs::create_dir_all(path.join("bundle/rootfs")).unwrap();
        let place = Place(path);
        let made = place.lazaret(&["spec", "--bundle", place.bundle().to_str().unwrap()]);
        assert!(made.status.success(), "{made:?}");
        place.edit("\"terminal\": true", "\"terminal\": false");
        place
    }

    /// The bundle's directory.
    pub fn bundle(&self) -> PathBuf {
        self.0.join("bundle")
    }

    /// The bundle's configuration.
    pub fn config(&self) -> PathBuf {
        self.bundle().join("config.json")
    }

    /// The state directory.
    pub fn state(&self) -> PathBuf {
        self.0.join("state")
    }

    /// Replaces a text in the configuration, once.
    pub fn edit(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.config()).unwrap();
        assert!(text.contains(from), "no {from} in {text}");
        fs::write(self.config(), text.replacen(from, to, 1)).unwrap();
    }

    /// The command with this place's state directory.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lazaret"));
        command.arg("--root").arg(self.state()).args(args);
        command
    }

    /// Runs the command to its end.
    pub fn lazaret(&self, args: &[&str]) -> Output {
        run(self.command(args).stdin(Stdio::null()))
    }

    /// Runs the bundle.
    pub fn run(&self, id: &str) -> Output {
        self.lazaret(&["run", "--bundle", self.bundle().to_str().unwrap(), id])
    }

    /// No container is known, and no file of one is left.
    pub fn assert_clean(&self) {
        let list = self.lazaret(&["list", "--quiet"]);
        assert_eq!(String::from_utf8_lossy(&list.stdout), "");
        assert_eq!(fs::read_dir(self.state()).unwrap().count(), 0);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !thread::panicking() {
            fs::remove_dir_all(&self.0).unwrap();
            return;
        }
        // A test that failed leaves its containers to be ended here. What fails now hides no cause by a second panic.
        for entry in fs::read_dir(self.state()).into_iter().flatten().flatten() {
            let mut end = Command::new("timeout");
            end.args(["--signal=KILL", "60", env!("CARGO_BIN_EXE_lazaret"), "--root"]).arg(self.state());
            end.args(["delete", "--force"]).arg(entry.file_name());
            let _ = end.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs a command, and kills it if it hangs.
pub fn run(command: &mut Command) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    finish(child)
}

/// Waits for a process whose output is piped, and kills it if it hangs.
pub fn finish(child: Child) -> Output {
    finish_within(child, TIMEOUT)
}

/// The same with another time.
pub fn finish_within(mut child: Child, timeout: Duration) -> Output {
    let read = |stream: Option<Box<dyn Read + Send>>| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut stream) = stream {
                stream.read_to_end(&mut bytes).unwrap();
            }
            bytes
        })
    };
    let stdout = read(child.stdout.take().map(|stream| Box::new(stream) as _));
    let stderr = read(child.stderr.take().map(|stream| Box::new(stream) as _));
    let status = wait_within(&mut child, timeout);
    Output { status, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
}

/// Waits for a process, and kills it if it hangs.
pub fn wait(child: &mut Child) -> ExitStatus {
    wait_within(child, TIMEOUT)
}

fn wait_within(child: &mut Child, timeout: Duration) -> ExitStatus {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("a process hangs");
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Asks again and again until there is an answer.
#[track_caller]
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited too long for {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Changes the specification.
pub fn change(place: &Place, change: impl FnOnce(&mut serde_json::Value)) {
    let mut spec = serde_json::from_str(&fs::read_to_string(place.config()).unwrap()).unwrap();
    change(&mut spec);
    fs::write(place.config(), spec.to_string()).unwrap();
}

/// A bundle over the host's own root that runs a shell script.
pub fn script(place: &Place, script: &str) {
    place.edit("\"path\": \"rootfs\"", "\"path\": \"/\"");
    change(place, |spec| spec["process"]["args"] = serde_json::json!(["/bin/sh", "-c", script]));
}
