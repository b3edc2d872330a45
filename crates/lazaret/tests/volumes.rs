//! Files of the host in a container: the same program sees the same in a directory of the host as in a volume.
//!
//! Needs root and python3.

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use common::{Place, run};

/// The program that uses a directory.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/volume.py");

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// An empty directory.
fn directory(place: &Place, name: &str) -> PathBuf {
    let path = place.0.join(name);
    fs::create_dir(&path).unwrap();
    path
}

fn text(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// What the program says on the host, in a directory of its own.
fn expected(place: &Place) -> (String, String) {
    let output = run(Command::new("python3").arg(PROGRAM).arg(directory(place, "host")).stdin(Stdio::null()));
    assert!(output.status.success(), "{output:?}");
    text(&output)
}

/// Its files as the host sees them.
fn tree(path: &Path) -> String {
    let script = "cd \"$1\" && find . -printf '%P %M %n %U %G %s %l\\n' | sort && cat moved/b/hard";
    let output = Command::new("sh").args(["-ec", script, "sh"]).arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn compare(options: &[&str]) {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let expected = expected(&place);
    let volume = directory(&place, "volume");
    let mount = format!("{}:/mnt", volume.display());
    let args = [options, &["do", "--volume", &mount, "--", "python3", PROGRAM, "/mnt"]].concat();
    let output = place.lazaret(&args);
    let found = text(&output);
    for (found, expected) in found.0.lines().zip(expected.0.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(found, expected);
    // Directories have other sizes by another history.
    let without_sizes = |text: String| text.lines().filter(|line| !line.contains(" d")).collect::<Vec<_>>().join("\n");
    assert_eq!(without_sizes(tree(&volume)), without_sizes(tree(&place.0.join("host"))));
}

#[test]
fn a_volume_is_used_as_a_directory_of_the_host() {
    compare(&[]);
}

#[test]
fn a_volume_is_used_as_a_directory_of_the_host_without_directfs() {
    compare(&["--directfs=false"]);
}

#[test]
fn a_volume_that_nobody_else_changes_is_used_in_the_same_way() {
    compare(&["--file-access-mounts=exclusive"]);
    compare(&["--file-access-mounts=exclusive", "--directfs=false"]);
}

#[test]
fn attributes_of_the_image_are_seen() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let file = place.0.join("marked");
    fs::write(&file, "").unwrap();
    rustix::fs::setxattr(&file, "user.mark", b"seen", rustix::fs::XattrFlags::empty()).unwrap();
    let program = "import os, sys; print(os.listxattr(sys.argv[1]), os.getxattr(sys.argv[1], 'user.mark'))";
    for directfs in ["--directfs=true", "--directfs=false"] {
        let output = place.lazaret(&[directfs, "do", "--", "python3", "-c", program, file.to_str().unwrap()]);
        assert_eq!(text(&output), ("['user.mark'] b'seen'\n".to_owned(), String::new()));
    }
}
