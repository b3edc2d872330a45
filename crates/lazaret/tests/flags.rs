//! Flags: typed, from a configuration file, and from annotations; and the documents made from them.

mod common;

use std::{fs, process::Output};

use common::{Place, change, script};

#[track_caller]
fn assert_fails(output: &Output, expected: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains(expected), "expected {expected:?} in {error:?}");
    assert_eq!(output.status.code(), Some(1), "{error}");
}

#[test]
fn flags_that_tools_pass_are_understood() {
    let place = Place::new();
    for flags in [
        &["--log-format", "json"][..],
        &["--debug=false", "--strace=false", "--ignore-cgroups=false", "--systemd-cgroup=false"],
        &["--platform", "stub", "--network=none", "--overlay2=root:memory", "--overlay2", "none"],
        &[
            "--rootless",
            "false",
            "--rootless=auto",
            "--host-uds=none",
            "--host-uds",
            "all",
            "--directfs",
            "--directfs=true",
        ],
        &["--directfs=false", "--file-access=shared", "--file-access", "exclusive", "--file-access-mounts=exclusive"],
    ] {
        let output = place.lazaret(&[flags, &["list"]].concat());
        assert!(output.status.success(), "{output:?}");
    }
    for (flag, expected) in [
        ("--platform=kvm", "invalid value 'kvm' for '--platform"),
        ("--network=moon", "[possible values: none"),
        ("--overlay2=root:self", "invalid value 'root:self'"),
        ("--directfs=no", "invalid value 'no'"),
        ("--file-access=mine", "[possible values: shared, exclusive]"),
        ("--host-uds=some", "invalid value 'some'"),
        ("--debug=maybe", "invalid value 'maybe'"),
        ("--colour", "unexpected argument '--colour'"),
    ] {
        assert_fails(&place.lazaret(&[flag, "list"]), expected);
    }
    assert_fails(&place.lazaret(&["fly"]), "unrecognized subcommand 'fly'");
    assert_fails(&place.lazaret(&["state"]), "required arguments");
}

#[test]
fn a_file_sets_flags_and_the_command_line_wins() {
    let place = Place::new();
    let file = place.0.join("config.toml");
    let log = place.0.join("errors");
    fs::write(&file, format!("log = {log:?}\nlog-format = \"json\"\n")).unwrap();
    let file = file.to_str().unwrap();
    assert_fails(&place.lazaret(&["--config", file, "state", "c"]), "does not exist");
    assert!(fs::read_to_string(&log).unwrap().starts_with('{'));
    fs::remove_file(&log).unwrap();
    assert_fails(&place.lazaret(&["--config", file, "--log-format=text", "state", "c"]), "does not exist");
    assert!(fs::read_to_string(&log).unwrap().starts_with("time="));

    for (text, expected) in [
        ("colour = 1", "config.toml: colour: is not a flag of lazaret"),
        ("network = \"moon\"", "config.toml: invalid value 'moon' for '--network"),
        ("debug =", "config.toml: TOML parse error"),
    ] {
        fs::write(file, text).unwrap();
        assert_fails(&place.lazaret(&["--config", file, "list"]), expected);
    }
    assert_fails(&place.lazaret(&["--config", "/nonexistent", "list"]), "/nonexistent: No such file");
}

#[test]
fn annotations_set_what_makes_no_sandbox_weaker() {
    let place = Place::new();
    script(&place, "exit 3");
    let bundle = place.bundle();
    let logs = place.0.join("logs");
    let run = ["--debug-log", logs.to_str().unwrap(), "run", "--bundle", bundle.to_str().unwrap(), "c"];
    change(&place, |spec| spec["annotations"] = serde_json::json!({ "dev.lazaret.flag.strace": "true" }));
    assert_eq!(place.lazaret(&run).status.code(), Some(3));
    assert!(fs::read_to_string(logs.join("c.log")).unwrap().contains("exit_group(3)"));
    change(&place, |spec| spec["annotations"] = serde_json::json!({ "dev.lazaret.flag.network": "host" }));
    assert_fails(&place.lazaret(&run), "annotation dev.lazaret.flag.network: \"host\" cannot be set");
    place.assert_clean();
}

#[test]
fn documents_are_made_from_the_definition() {
    let place = Place::new();
    let pages = place.0.join("pages");
    fs::create_dir(&pages).unwrap();
    assert!(place.lazaret(&["man", pages.to_str().unwrap()]).status.success());
    let page = fs::read_to_string(pages.join("lazaret-exec.1")).unwrap();
    assert!(page.contains("console\\-socket"), "{page}");
    assert!(fs::read_to_string(pages.join("lazaret.1")).unwrap().contains("overlay2"));
    assert_fails(&place.lazaret(&["man", "/nonexistent"]), "write the manual pages to /nonexistent: ");
    for shell in ["bash", "zsh", "fish"] {
        let script = place.lazaret(&["completions", shell]);
        assert!(String::from_utf8_lossy(&script.stdout).contains("console-socket"), "{shell}");
    }
    let version = String::from_utf8(place.lazaret(&["--version"]).stdout).unwrap();
    assert!(version.starts_with("lazaret ") && version.contains("\nspec: 1."), "{version}");
}
