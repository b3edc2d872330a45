//! Any process of a container may be killed at any moment: the next command tells the truth and cleans up.

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    process::Stdio,
    thread::sleep,
    time::Duration,
};

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
        let files = if round % 4 < 2 { "--directfs=true" } else { "--directfs=false" };
        let mut command = place.command(&[&[files], args, &[bundle, id]].concat());
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
            victims.extend(known["gofer"]["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()));
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
            let own = [state.to_str().unwrap(), &format!("sandbox {id}"), &format!("gofer {id}")];
            (is_empty && !own.into_iter().any(is_left)).then_some(())
        });
    }
    place.assert_clean();
}

#[test]
fn files_are_out_of_reach_when_who_serves_them_dies() {
    let place = Place::new();
    let (volume, log) = (place.0.join("volume"), place.0.join("log"));
    fs::create_dir(&volume).unwrap();
    fs::write(volume.join("file"), "text\n").unwrap();
    let mount = format!("{}:/mnt", volume.display());
    let script =
        "read x < /mnt/file; echo $x; read go; read x < /mnt/file; echo status $?; echo x > /mnt/new; echo over";
    let flags = ["--directfs=false", "--user-log", log.to_str().unwrap()];
    let mut command = place.command(&[&flags[..], &["do", "--volume", &mount, "--", "sh", "-c", script]].concat());
    let child = command.env("LC_ALL", "C").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "text\n");
    let is_gofer = |pid: &i32| {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        arguments.starts_with(b"lazaret: gofer")
    };
    let gofer = family(Pid::from_child(&child).as_raw_nonzero().get()).into_iter().find(is_gofer).unwrap();
    kill_process(Pid::from_raw(gofer).unwrap(), Signal::KILL).unwrap();
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    let status = wait(&mut child);
    let (mut rest, mut errors) = (String::new(), String::new());
    output.read_to_string(&mut rest).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!((status.code(), rest.as_str()), (Some(0), "status 2\nover\n"), "{errors}");
    assert_eq!(errors.matches("Input/output error").count() + errors.matches("I/O error").count(), 2, "{errors}");
    let told = fs::read_to_string(&log).unwrap();
    // Once for each tree that was used.
    assert!(told.contains("the gofer has ended"), "{told}");
    place.assert_clean();
}
