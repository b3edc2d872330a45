//! A client that shares no code with us speaks to the server.

use std::{
    fs,
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::{Command, Stdio},
    thread,
};

use rustix::fs::{Mode, OFlags, open};

#[test]
fn a_client_of_another_make() {
    let place = std::env::temp_dir().join(format!("lazaret-9p-{}", std::process::id()));
    fs::create_dir_all(place.join("dir/deep")).unwrap();
    fs::write(place.join("dir/deep/file"), "content").unwrap();
    std::os::unix::fs::symlink("/etc", place.join("link")).unwrap();
    // As in the process that serves.
    let umask = rustix::process::umask(Mode::empty());
    let root = open(&place, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let server = thread::spawn(move || lazaret_gofer::serve::serve(root, ours.into(), None));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer.py");
    let mut client = Command::new("timeout");
    client.args(["60", "python3", script]).arg(&place).stdin(Stdio::from(OwnedFd::from(theirs)));
    let output = client.output().unwrap();
    // Or the server would go on.
    drop(client);
    assert_eq!(server.join().unwrap(), Ok(()));
    rustix::process::umask(umask);
    fs::remove_dir_all(&place).unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "all is well\n");
}
