//! A container on the user's terminal.

mod common;

use std::{
    fs::File,
    io::{ErrorKind, Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::{Child, Stdio},
};

use common::{Place, until, wait};
use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize},
};

/// A command line on a terminal of its own.
struct Session {
    master: File,
    terminal: OwnedFd,
    child: Child,
    seen: String,
}

impl Session {
    fn new(place: &Place, args: &[&str]) -> Session {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let terminal = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        resize(&terminal, 24, 80);
        let stream = || Stdio::from(terminal.try_clone().unwrap());
        let mut command = place.command(args);
        command.stdin(stream()).stdout(stream()).stderr(stream()).process_group(0);
        let child = command.spawn().unwrap();
        rustix::io::ioctl_fionbio(&master, true).unwrap();
        Session { master: File::from(master), terminal, child, seen: String::new() }
    }

    fn send(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }

    /// Waits until this text has come, and forgets all up to it.
    #[track_caller]
    fn expect(&mut self, text: &str) {
        until(&format!("{text:?}"), || {
            let mut buffer = [0; 4096];
            match self.master.read(&mut buffer) {
                Ok(count) => self.seen += &String::from_utf8_lossy(&buffer[..count]),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}: {:?}", self.seen),
            }
            let end = self.seen.find(text)? + text.len();
            self.seen.drain(..end);
            Some(())
        });
    }

    fn is_raw(&self) -> bool {
        !tcgetattr(&self.terminal).unwrap().local_modes.contains(LocalModes::ICANON)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn resize(terminal: impl AsFd, rows: u16, columns: u16) {
    tcsetwinsize(terminal, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
}

#[test]
fn a_shell_on_a_terminal() {
    let place = Place::new();
    let mut session = Session::new(&place, &["do", "--env", "PS1=> ", "sh", "-i"]);
    session.expect("> ");
    assert!(session.is_raw());
    session.send("tty; stty size\r");
    session.expect("/dev/pts/0");
    session.expect("24 80");
    session.send("sleep 1000\r");
    session.expect("sleep 1000");
    std::thread::sleep(std::time::Duration::from_millis(300));
    session.send("\x03");
    session.send("echo status $?\r");
    session.expect("status 130");
    session.send("exit 4\r");
    assert_eq!(wait(&mut session.child).code(), Some(4));
    assert!(!session.is_raw(), "the terminal is as it was");
    place.assert_clean();
}

#[test]
fn window_sizes_are_passed_on() {
    let place = Place::new();
    let script = "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.05; done";
    let mut session = Session::new(&place, &["do", "sh", "-c", script]);
    session.expect("ready");
    resize(&session.terminal, 30, 90);
    // The terminal is not the controlling one of the test's session, so the host tells nobody.
    rustix::process::kill_process(rustix::process::Pid::from_child(&session.child), rustix::process::Signal::WINCH)
        .unwrap();
    session.expect("30 90");
    assert_eq!(wait(&mut session.child).code(), Some(0));
}

#[test]
fn the_terminal_is_restored_after_a_signal() {
    let place = Place::new();
    let mut session = Session::new(&place, &["do", "sh", "-c", "echo ready; sleep 1000"]);
    session.expect("ready");
    assert!(session.is_raw());
    rustix::process::kill_process(rustix::process::Pid::from_child(&session.child), rustix::process::Signal::TERM)
        .unwrap();
    wait(&mut session.child);
    assert!(!session.is_raw());
}
