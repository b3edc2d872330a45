//! Child processes with a time limit.

use std::{
    ffi::OsStr,
    io::{self, BufRead, BufReader, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

/// One command of a developer command. It runs in a process group of its own, which is killed as a
/// whole when the time is up.
pub struct Step {
    command: Command,
    limit: Duration,
}

impl Step {
    /// `program` with a limit of 30 minutes, in the workspace's folder.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command.current_dir(crate::workspace()).process_group(0).stdin(Stdio::null());
        Self { command, limit: Duration::from_secs(30 * 60) }
    }

    /// Cargo with these arguments.
    pub fn cargo<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Self {
        Self::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())).args(arguments)
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable of the environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets the time limit.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs the command with this process's output.
    ///
    /// # Errors
    /// If it cannot be started, fails, or takes too long; the text names the command.
    pub fn run(self) -> Result<()> {
        self.run_lines(|_| ())
    }

    /// Like [`run`](Self::run), and shows each line of the standard output to `seen`.
    pub fn run_lines(mut self, mut seen: impl FnMut(&str)) -> Result<()> {
        let name = self.describe();
        eprintln!("+ {name}");
        let mut child = self.command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {name}"))?;
        let lines = read_lines(&mut child);
        let deadline = Instant::now() + self.limit;
        loop {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    // A closed output is no reason to stop the tests.
                    let _ = writeln!(io::stdout(), "{line}");
                    seen(&line);
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    kill_group(&mut child);
                    bail!("{name} took more than {} s and was killed", self.limit.as_secs());
                }
            }
        }
        let status = wait_until(&mut child, deadline)?;
        match status {
            Some(status) if status.success() => Ok(()),
            Some(status) => bail!("{name} failed: {}", explain(status)),
            None => bail!("{name} took more than {} s and was killed", self.limit.as_secs()),
        }
    }

    /// Runs the command quietly and returns its standard output; what it wrote to the standard
    /// error becomes part of the error.
    pub fn output(mut self) -> Result<String> {
        let name = self.describe();
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = self.command.spawn().with_context(|| format!("cannot start {name}"))?;
        let group = Pid::from_child(&child);
        let (sender, receiver) = mpsc::channel();
        // The thread ends with the child, which is killed below at the latest.
        thread::spawn(move || sender.send(child.wait_with_output()));
        let Ok(output) = receiver.recv_timeout(self.limit) else {
            let _ = kill_process_group(group, Signal::KILL);
            bail!("{name} took more than {} s and was killed", self.limit.as_secs());
        };
        let output = output.with_context(|| format!("cannot wait for {name}"))?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            let shown = String::from_utf8_lossy(&output.stdout);
            bail!("{name} failed: {}\n{}{}", explain(output.status), shown.trim_end(), errors.trim_end());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Starts the command without output, in its process group, and does not wait.
    pub fn spawn(mut self) -> Result<Child> {
        let name = self.describe();
        self.command.stdout(Stdio::null()).stderr(Stdio::null());
        self.command.spawn().with_context(|| format!("cannot start {name}"))
    }

    fn describe(&self) -> String {
        let mut text = self.command.get_program().to_string_lossy().into_owned();
        for argument in self.command.get_args() {
            text.push(' ');
            // Scripts are shown by their first line.
            text.push_str(argument.to_string_lossy().lines().next().unwrap_or_default());
        }
        text
    }
}

fn read_lines(child: &mut Child) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    if let Some(output) = child.stdout.take() {
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(io::Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
    }
    receiver
}

/// The child's status, or `None` if it had to be killed at the deadline.
fn wait_until(child: &mut Child, deadline: Instant) -> Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            kill_group(child);
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Kills the child with everything that it started, and waits for it.
pub fn kill_group(child: &mut Child) {
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let _ = child.wait();
}

fn explain(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => status.to_string(),
    }
}
