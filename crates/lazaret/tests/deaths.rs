//! Any process of a container may be killed at any moment: the next command tells the truth and cleans up.

mod common;

use std::{fs, process::Stdio, thread::sleep, time::Duration};

use common::{Place, script, until, wait};
use rustix::process::{Pid, Signal, kill_process};

/// A process and all below it.
fn family(root: i32) -> Vec<i32> {
    let parent = |pid: i32| -> Option<i32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    let names = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let all: Vec<(i32, i32)> = names.filter_map(|pid| Some((pid, parent(pid)?))).collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&above) = found.get(next) {
        found.extend(all.iter().filter(|(_, parent)| *parent == above).map(|(pid, _)| *pid));
        next += 1;
    }
    found
}

/// Whether a process has this text among its arguments. A gofer has the command line's, a sandbox process its id.
fn is_left(text: &str) -> bool {
    let names =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let mut arguments = names.filter_map(|pid| fs::read(format!("/proc/{pid}/cmdline")).ok());
    arguments.any(|arguments| String::from_utf8_lossy(&arguments).contains(text))
}

#[test]
fn any_process_may_be_killed_at_any_moment() {
    let place = Place::new();
    script(&place, "sleep 1000 & sleep 1000");
    let bundle = place.bundle();
    let bundle = bundle.to_str().unwrap();
    let state = place.state();
    let id = &format!("deaths-{}", std::process::id());
    for round in 0..24_u64 {
        let detached = round % 2 == 1;
        let args: &[&str] = if detached { &["run", "--detach", "--bundle"] } else { &["run", "--bundle"] };
        let mut command = place.command(&[args, &[bundle, id]].concat());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut child = child.unwrap();
        // From before the first process is made to after the last one runs.
        sleep(Duration::from_millis(round * 5));
        let mut victims = family(Pid::from_child(&child).as_raw_nonzero().get());
        if let Ok(text) = fs::read(state.join(id).join("state.json"))
            && let Ok(known) = serde_json::from_slice::<serde_json::Value>(&text)
            && let Some(pid) = known["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()).filter(|pid| *pid > 0)
        {
            victims.extend(family(pid));
        }
        let victim = victims[usize::try_from(round * 7).unwrap() % victims.len()];
        // It may have ended meanwhile; the command line itself is not reaped before it is waited for.
        let _ = kill_process(Pid::from_raw(victim).unwrap(), Signal::KILL);
        assert!(place.lazaret(&["list"]).status.success());
        let deleted = place.lazaret(&["delete", "--force", id]);
        assert!(deleted.status.success(), "round {round}: {deleted:?}");
        wait(&mut child);
        until(&format!("round {round} to leave nothing"), || {
            // A command that was only about to make the container may have done so after the deletion.
            place.lazaret(&["delete", "--force", id]);
            let is_empty = fs::read_dir(&state).unwrap().next().is_none();
            (is_empty && !is_left(state.to_str().unwrap()) && !is_left(&format!("sandbox {id}"))).then_some(())
        });
    }
    place.assert_clean();
}
