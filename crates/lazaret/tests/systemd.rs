//! Cgroups that systemd makes, beside runc's. Where systemd does not run, that it is missed clearly.

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use common::{
    Place, change,
    runtime::{Runtime, both},
    until,
};
use serde_json::json;

fn systemd_runs() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

#[test]
fn systemd_is_missed_clearly() {
    if systemd_runs() {
        return;
    }
    let place = Place::new();
    let output = place.lazaret(&["--systemd-cgroup", "run", "--bundle", place.bundle().to_str().unwrap(), "c"]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(error, "lazaret: --systemd-cgroup: systemd does not run on this host\n");
    place.assert_clean();
}

fn property(unit: &str, name: &str) -> String {
    let output = Command::new("systemctl").args(["show", "--value", "--property", name, unit]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The cgroup's directory and a file of it, with version 1 and with version 2.
fn file(path: &str, controller: &str, legacy: &str, unified: &str) -> PathBuf {
    let of_legacy = PathBuf::from(format!("/sys/fs/cgroup/{controller}{path}/{legacy}"));
    if of_legacy.exists() { of_legacy } else { PathBuf::from(format!("/sys/fs/cgroup{path}/{unified}")) }
}

#[test]
fn systemd_makes_a_scope_for_each_container() {
    if !systemd_runs() {
        eprintln!("not tested: systemd does not run here");
        return;
    }
    both(|runtime: &Runtime| {
        let id = runtime.id.as_str();
        let unit = format!("lztest-{id}.scope");
        change(&runtime.place, |spec| {
            spec["process"]["args"] = json!(["/bin/sleep", "1000"]);
            spec["linux"]["cgroupsPath"] = format!("lztest-a.slice:lztest:{id}").into();
            spec["linux"]["resources"] = json!({
                "memory": { "limit": 100 << 20 },
                "cpu": { "quota": 25_000, "period": 50_000 },
                "pids": { "limit": 50 },
            });
        });
        runtime.detached(&["--systemd-cgroup", "run", "--detach", id]);
        assert_eq!(property(&unit, "ActiveState"), "active");
        assert_eq!(property(&unit, "Delegate"), "yes");
        let path = property(&unit, "ControlGroup");
        assert_eq!(path, format!("/lztest.slice/lztest-a.slice/{unit}"));
        let memory = || fs::read_to_string(file(&path, "memory", "memory.limit_in_bytes", "memory.max")).unwrap();
        assert_eq!(memory().trim(), (100 << 20).to_string());
        let pid = runtime.state()["pid"].to_string();
        let members = fs::read_to_string(file(&path, "memory", "cgroup.procs", "cgroup.procs")).unwrap();
        assert!(members.lines().any(|line| line == pid), "{members}");
        runtime.good(&["--systemd-cgroup", "update", "--memory", "83886080", id]);
        assert_eq!(memory().trim(), "83886080");
        // systemd does not undo what it was told.
        assert!(Command::new("systemctl").arg("daemon-reload").status().unwrap().success());
        assert_eq!(memory().trim(), "83886080");
        assert_eq!(property(&unit, "CPUQuotaPerSecUSec"), "500ms");
        runtime.good(&["--systemd-cgroup", "delete", "--force", id]);
        until("the scope's end", || (property(&unit, "ActiveState") == "inactive").then_some(()));
        assert!(!file(&path, "memory", "cgroup.procs", "cgroup.procs").exists());
    });
    let slice = ["stop", "lztest-a.slice", "lztest.slice"];
    assert!(Command::new("systemctl").args(slice).status().unwrap().success());
}
