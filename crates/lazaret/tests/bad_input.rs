//! Wrong input gets an error that names the field or file, status 1, and leaves nothing behind.

mod common;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Output, Stdio},
};

use common::{Place, run};

#[track_caller]
fn assert_fails(output: &Output, expected: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains(expected), "expected {expected:?} in {error:?}");
    assert_eq!(output.status.code(), Some(1), "{error}");
}

#[test]
fn files_that_are_not_there() {
    let place = Place::new();
    assert_fails(&place.lazaret(&["run", "--bundle", "/nonexistent", "c"]), "/nonexistent/config.json: no such file");
    fs::remove_file(place.config()).unwrap();
    fs::create_dir(place.config()).unwrap();
    assert_fails(&place.run("c"), "config.json: is a directory");
}

#[test]
fn broken_configurations() {
    for (from, to, expected) in [
        ("{", "", "config.json: "),
        ("\"ociVersion\": \"1.2.0\"", "\"ociVersion\": 7", "config.json: ociVersion: invalid type"),
        ("\"uid\": 0", "\"uid\": -1", "process.user.uid: invalid value"),
        ("\"uid\": 0", "\"uid\": \"root\"", "process.user.uid: invalid type"),
        ("\"cwd\": \"/\"", "\"cwd\": \"\"", "process.cwd: \"\" is not an absolute path"),
        ("\"sh\"", "", "process.args: is empty"),
        ("CAP_KILL", "CAP_FLY", "process.capabilities.bounding: \"CAP_FLY\" is unknown"),
        ("\"type\": \"proc\"", "\"type\": \"ext4\"", "mounts[0].type: \"ext4\" is not supported"),
        (
            "\"resources\": {",
            "\"resources\": {\"memory\":{\"limit\":1024},",
            "linux.resources.memory.limit: 1024 is too small",
        ),
    ] {
        let place = Place::new();
        place.edit(from, to);
        assert_fails(&place.run("c"), expected);
    }
    let place = Place::new();
    fs::write(place.config(), b"\xff\xfe").unwrap();
    assert_fails(&place.run("c"), "config.json: ");
}

#[test]
fn roots_that_are_not_directories() {
    for (path, expected) in [
        ("missing", "bundle/missing: no such file or directory"),
        ("config.json", "bundle/config.json: not a directory"),
        ("", "root.path: is empty"),
    ] {
        let place = Place::new();
        place.edit("\"path\": \"rootfs\"", &format!("\"path\": \"{path}\""));
        assert_fails(&place.run("c"), expected);
        if !path.is_empty() {
            place.assert_clean();
        }
    }
}

#[test]
fn mount_sources_that_are_missing() {
    let place = Place::new();
    let mount =
        r#""mounts": [{"destination": "/data", "type": "bind", "source": "/nonexistent", "options": ["rbind"]},"#;
    place.edit("\"mounts\": [", mount);
    assert_fails(&place.run("c"), "mounts[0].source /nonexistent: no such file or directory");
    place.assert_clean();
}

#[test]
fn names_that_are_none() {
    let place = Place::new();
    for id in ["", ".", "..", "a/b", "../a", "a b"] {
        assert_fails(&place.run(id), "invalid container id");
    }
    assert_fails(&place.run(&"x".repeat(300)), "invalid container id");
    for command in ["state", "start", "wait", "delete", "kill"] {
        assert_fails(&place.lazaret(&[command, "unknown"]), "container \"unknown\" does not exist");
        assert_fails(&place.lazaret(&[command, "../state"]), "invalid container id");
    }
    assert!(place.lazaret(&["delete", "--force", "unknown"]).status.success());
    assert_fails(&place.lazaret(&["kill", "unknown", "SIGFOO"]), "unknown signal \"SIGFOO\"");
}

#[test]
fn users_that_nobody_knows() {
    let place = Place::new();
    assert_fails(&place.lazaret(&["do", "--user", "nobody-at-all", "true"]), "unknown user \"nobody-at-all\"");
    assert_fails(&place.lazaret(&["do", "--root", "/nonexistent", "true"]), "--root /nonexistent: ");
    assert_fails(&place.lazaret(&["do", "--rw", "/etc/passwd", "true"]), "--rw /etc/passwd: is not a directory");
    assert_fails(&place.lazaret(&["do", "--volume", "/a", "true"]), "--volume /a: is not of the form");
    assert_fails(&place.lazaret(&["do", "--volume", "/nonexistent:/a", "true"]), "/nonexistent: no such file");
    assert_fails(&place.lazaret(&["do", "--env", "x", "true"]), "--env x: is not of the form");
}

#[test]
fn state_directories_that_are_not_ours() {
    let place = Place::new();
    let file = place.0.join("file");
    fs::write(&file, "").unwrap();
    let binary = env!("CARGO_BIN_EXE_lazaret");
    assert_fails(
        &run(Command::new(binary).arg("--root").arg(&file).arg("list").stdin(Stdio::null())),
        "not a directory",
    );
    // The mode protects from others; it is made so, whatever the umask.
    place.lazaret(&["list"]);
    let mode = fs::metadata(place.state()).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
    // One that others may write in, and a link that others may have made, are refused.
    fs::set_permissions(place.state(), fs::Permissions::from_mode(0o777)).unwrap();
    assert_fails(&place.lazaret(&["list"]), "others may write in it");
    fs::set_permissions(place.state(), fs::Permissions::from_mode(0o700)).unwrap();
    let link = place.0.join("link");
    std::os::unix::fs::symlink(place.state(), &link).unwrap();
    assert_fails(&run(Command::new(binary).arg("--root").arg(&link).arg("list").stdin(Stdio::null())), "link");
}

#[test]
fn state_files_that_lie() {
    let place = Place::new();
    place.lazaret(&["list"]);
    let directory = place.0.join("state/c");
    fs::create_dir(&directory).unwrap();
    for text in ["", "{", "[]", "{\"version\":99}", &"[".repeat(100_000)] {
        fs::write(directory.join("state.json"), text).unwrap();
        assert_fails(&place.lazaret(&["state", "c"]), "state.json: container c: ");
        assert!(place.lazaret(&["list"]).status.success());
    }
    // Whatever it says, it can be removed.
    assert!(place.lazaret(&["delete", "--force", "c"]).status.success());
    place.assert_clean();
}

#[test]
fn errors_go_to_the_log_too() {
    let place = Place::new();
    let log = place.0.join("log");
    place.lazaret(&["--log", log.to_str().unwrap(), "--log-format", "json", "state", "unknown"]);
    let line: serde_json::Value = serde_json::from_str(&fs::read_to_string(&log).unwrap()).unwrap();
    assert_eq!(line["level"], "error");
    assert_eq!(line["msg"], "container \"unknown\" does not exist");
    assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
    let link = place.0.join("link");
    std::os::unix::fs::symlink(&log, &link).unwrap();
    let refused = place.lazaret(&["--log", link.to_str().unwrap(), "state", "unknown"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("symbolic links"), "{refused:?}");
    assert_eq!(fs::read_to_string(&log).unwrap().lines().count(), 1);
    // As engines ask for it.
    let output = place.lazaret(&["--log", "/dev/stderr", "state", "unknown"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("level=error"), "{output:?}");
}

#[test]
fn specifications_are_not_overwritten() {
    let place = Place::new();
    assert_fails(&place.lazaret(&["spec", "--bundle", place.bundle().to_str().unwrap()]), "config.json: ");
}
