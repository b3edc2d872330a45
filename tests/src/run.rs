//! Running one command with a time limit, leaving no process behind.

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

/// More output than this from one run is cut off.
const OUTPUT_LIMIT: u64 = 4 << 20;

/// What one run left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Exit status as a shell sees it (128 + n for signal n), or why there is none.
    pub status: Result<i32, Failure>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

/// Why a run has no exit status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It was killed at its time limit.
    #[error("killed after {0:?}")]
    Timeout(Duration),
    /// The command ended, but something that it started keeps its output open.
    #[error("ended, but left a process that holds its output")]
    LeftProcess,
}

/// Runs `command` in a process group of its own, with no input, for `limit` at most.
///
/// At the limit the group and all descendants are killed.
///
/// # Errors
/// The command cannot be started.
pub fn run(command: &mut Command, limit: Duration) -> io::Result<Outcome> {
    let deadline = Instant::now() + limit;
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).spawn()?;
    let stdout = read_all(child.stdout.take());
    let stderr = read_all(child.stderr.take());
    let group = Pid::from_child(&child);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Ok(shell_status(status));
        }
        if Instant::now() >= deadline {
            kill_tree(group);
            child.wait()?;
            break Err(Failure::Timeout(limit));
        }
        thread::sleep(Duration::from_millis(1));
    };
    // The group is gone unless the command left something in the background: then ESRCH is no error.
    let _ = kill_process_group(group, Signal::KILL);
    let (stdout, stdout_open) = collect(&stdout);
    let (stderr, stderr_open) = collect(&stderr);
    let status = if stdout_open || stderr_open { status.and(Err(Failure::LeftProcess)) } else { status };
    Ok(Outcome { status, stdout, stderr })
}

fn shell_status(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

/// Reads on a thread: a reader that waits for the end of file must not hold up the time limit.
fn read_all(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    if let Some(mut pipe) = pipe {
        thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            let mut total = 0;
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                total += count as u64;
                if total <= OUTPUT_LIMIT && sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
    }
    receiver
}

/// Returns the output, and whether somebody still holds the pipe open.
fn collect(receiver: &Receiver<Vec<u8>>) -> (Vec<u8>, bool) {
    let mut output = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(2);
    loop {
        match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(part) => output.extend(part),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return (output, false),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => return (output, true),
        }
    }
}

/// Kills `root`, its group and every descendant; errors mean that one is gone already.
fn kill_tree(root: Pid) {
    let descendants = descendants(root);
    let _ = kill_process_group(root, Signal::KILL);
    for pid in descendants {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// All processes below `root`, as /proc/PID/stat tells (proc_pid_stat(5)).
fn descendants(root: Pid) -> Vec<Pid> {
    let parents: Vec<(Pid, Pid)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let pid: i32 = path.file_name()?.to_str()?.parse().ok()?;
            let stat = fs::read_to_string(path.join("stat")).ok()?;
            // The name in parentheses may hold anything, a parenthesis too.
            let parent: i32 = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((Pid::from_raw(pid)?, Pid::from_raw(parent)?))
        })
        .collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Failure, run};
    use std::process::Command;
    use std::time::{Duration, Instant};

    #[test]
    fn status_and_output_are_the_commands() {
        let outcome =
            run(Command::new("sh").args(["-c", "echo out; echo err >&2; kill -9 $$"]), Duration::from_secs(5));
        let outcome = outcome.unwrap();
        assert_eq!(outcome.status, Ok(137));
        assert_eq!((outcome.stdout.as_slice(), outcome.stderr.as_slice()), (&b"out\n"[..], &b"err\n"[..]));
    }

    #[test]
    fn a_command_that_hangs_dies_with_all_it_started() {
        let start = Instant::now();
        let limit = Duration::from_millis(300);
        let outcome = run(Command::new("sh").args(["-c", "setsid sleep 60 & sleep 60"]), limit).unwrap();
        assert_eq!(outcome.status, Err(Failure::Timeout(limit)));
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}
