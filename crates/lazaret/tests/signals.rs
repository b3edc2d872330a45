//! Signals to single processes, and waiting for them, from the command line.

mod common;

use std::{fs, process::Stdio};

use common::{Place, script, until, wait};

#[test]
fn one_process_is_signalled_and_waited_for() {
    let place = Place::new();
    script(&place, "exec sleep 1000");
    let bundle = place.bundle();
    let mut command = place.command(&["run", "--detach", "--bundle", bundle.to_str().unwrap(), "c"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    assert!(wait(&mut child).success());
    let pid_file = place.0.join("pid");
    let exec = ["exec", "--detach", "--pid-file", pid_file.to_str().unwrap(), "c", "sh", "-c", "exec sleep 2000"];
    let mut command = place.command(&exec);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    assert!(wait(&mut child).success());
    assert!(fs::metadata(&pid_file).is_ok());
    let pid = until("the process", || {
        let table = String::from_utf8(place.lazaret(&["ps", "c"]).stdout).unwrap();
        let row = table.lines().find(|line| line.ends_with("sleep 2000"))?;
        row.split_whitespace().nth(1).map(str::to_owned)
    });
    let waiting = place.command(&["wait", "--pid", &pid, "c"]).stdin(Stdio::null()).spawn().unwrap();
    let refused = |args: &[&str], expected: &str| {
        let output = place.lazaret(args);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains(expected) && output.status.code() == Some(1), "{output:?}");
    };
    refused(&["kill", "--pid", "4000", "c", "KILL"], "no such process");
    refused(&["kill", "--pid", "0", "c", "KILL"], "no such process");
    refused(&["kill", "--all", "--pid", &pid, "c", "KILL"], "cannot be used with");
    refused(&["kill", "--foreground", "c", "KILL"], "inappropriate ioctl");
    refused(&["wait", "--pid", "4000", "c"], "no such process");
    assert!(place.lazaret(&["kill", "--pid", &pid, "c", "TERM"]).status.success());
    assert_eq!(common::finish(waiting).status.code(), Some(128 + 15));
    assert_eq!(place.lazaret(&["wait", "--pid", &pid, "c"]).status.code(), Some(128 + 15));
    let told = place.lazaret(&["debug", "--sandbox", "c"]);
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!((&told["id"], told["pid"].as_i64() > Some(0)), (&"c".into(), true));
    assert!(place.lazaret(&["delete", "--force", "c"]).status.success());
    place.assert_clean();
}
