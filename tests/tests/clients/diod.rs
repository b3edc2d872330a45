//! diod's programs, as clients of the gofer's server.

use super::place::{Place, all, good};
use rustix::fs::{Mode, OFlags, open};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::{fs, thread};

/// Serves a directory over TCP, to everybody on this machine, until this process ends; returns where.
fn serve(directory: &Path) -> String {
    let root = open(directory, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let (root, connection) = (root.try_clone().unwrap(), connection.unwrap());
            thread::spawn(move || lazaret_gofer::serve::serve(root, connection.into(), None));
        }
    });
    address
}

fn diod(place: &Place, program: &str, server: &str, arguments: &[&str]) -> Command {
    let mut command = place.command(program);
    command.env("LD_LIBRARY_PATH", place.unpacked("lib/x86_64-linux-gnu"));
    command.args(["--server", server, "--aname", "/", "--timeout", "30"]).args(arguments);
    command
}

#[test]
fn diod_lists_and_reads() {
    let Some(place) = Place::new(&["diodls", "diodcat"]) else { return };
    let tree = place.directory.join("tree");
    fs::create_dir_all(tree.join("dir/deep")).unwrap();
    // Longer than one message.
    let long: String = (0..40_000).map(|number| format!("line {number}\n")).collect();
    fs::write(tree.join("dir/long"), &long).unwrap();
    fs::write(tree.join("dir/deep/file"), "found\n").unwrap();
    for number in 0..500 {
        fs::write(tree.join(format!("dir/deep/entry-{number:03}")), "").unwrap();
    }
    symlink("/etc/passwd", tree.join("dir/link")).unwrap();
    let server = serve(&tree);
    let listed = good(&mut diod(&place, "diodls", &server, &["dir/deep"]));
    let mut names: Vec<&str> = listed.split_whitespace().filter(|name| !matches!(*name, "." | "..")).collect();
    names.sort_unstable();
    let expected: Vec<String> = (0..500).map(|number| format!("entry-{number:03}")).chain(["file".into()]).collect();
    assert_eq!(names, expected);
    let details = good(&mut diod(&place, "diodls", &server, &["-l", "dir"]));
    let line = details.lines().find(|line| line.ends_with("long")).unwrap();
    assert!(line.starts_with("-rw") && line.contains(&long.len().to_string()), "{line}");
    assert_eq!(good(&mut diod(&place, "diodcat", &server, &["dir/deep/file"])), "found");
    assert_eq!(good(&mut diod(&place, "diodcat", &server, &["dir/long"])), long.trim_end());
    let (status, output, message) = all(&mut diod(&place, "diodcat", &server, &["dir/link"]));
    assert_eq!((status, output.as_str()), (1, ""), "{message}");
}
