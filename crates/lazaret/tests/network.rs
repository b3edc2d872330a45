//! `--network`: what programs inside reach, and who reaches them.

mod common;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
};

use common::{Place, TIMEOUT, change, finish, run, script, wait};

/// The user and group `nobody`.
const NOBODY: &str = "65534";

/// What a client sends, and a server sends back.
const LENGTH: usize = 300_000;

/// A command line of the program; as an ordinary user if that is asked for and not the case already.
fn lazaret(ordinary: bool, state: &str, args: &[&str]) -> Command {
    let program = env!("CARGO_BIN_EXE_lazaret");
    let mut command = if ordinary && rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", program]);
        command
    } else {
        Command::new(program)
    };
    command.args(["--root", state]).args(args).stdin(Stdio::null());
    command
}

/// A state directory for whoever runs the program.
fn state(ordinary: bool) -> String {
    format!("/tmp/lazaret-network-{}-{ordinary}", std::process::id())
}

/// A client in a sandbox, which sends to this port and prints how much comes back.
const CLIENT: &str = "import socket, sys
s = socket.create_connection(('127.0.0.1', int(sys.argv[1])), 10)
peer = s.getpeername()[1]
s.sendall(b'x' * 300000); s.shutdown(socket.SHUT_WR)
n = 0
while part := s.recv(65536): n += len(part)
print(n, peer == int(sys.argv[1]))";

/// A server in a sandbox, which prints its port and answers once.
const SERVER: &str = "import socket
l = socket.create_server(('127.0.0.1', 0)); print(l.getsockname()[1], flush=True)
s, peer = l.accept()
while part := s.recv(65536): s.sendall(part)
s.close(); print(peer[0])";

/// Answers one client of `listener` with what it sends.
fn echo(listener: &TcpListener) {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let mut writer = stream.try_clone().unwrap();
    std::io::copy(&mut &stream, &mut writer).unwrap();
}

#[test]
fn the_host_network_leads_out() {
    for ordinary in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let server = thread::spawn(move || echo(&listener));
        let args = ["do", "--network", "host", "--", "/usr/bin/python3", "-c", CLIENT, &port];
        let output = run(&mut lazaret(ordinary, &state(ordinary), &args));
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{LENGTH} True\n"), "{output:?}");
        server.join().unwrap();
    }
}

/// The first line that a process prints; the rest can be read from the result.
fn first_line(child: &mut Child) -> (String, BufReader<std::process::ChildStdout>) {
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    (line.trim().to_owned(), reader)
}

#[test]
fn the_host_network_leads_in() {
    for ordinary in [false, true] {
        let args = ["do", "--network", "host", "--", "/usr/bin/python3", "-c", SERVER];
        let mut child = lazaret(ordinary, &state(ordinary), &args).stdout(Stdio::piped()).spawn().unwrap();
        let (port, mut rest) = first_line(&mut child);
        let stream = TcpStream::connect(("127.0.0.1", port.parse().unwrap())).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        let mut writer = stream.try_clone().unwrap();
        let sender = thread::spawn(move || {
            writer.write_all(&[7; LENGTH]).unwrap();
            writer.shutdown(std::net::Shutdown::Write).unwrap();
        });
        let mut back = Vec::new();
        (&stream).read_to_end(&mut back).unwrap();
        sender.join().unwrap();
        assert_eq!(back, [7; LENGTH]);
        assert!(wait(&mut child).success());
        let mut text = String::new();
        rest.read_to_string(&mut text).unwrap();
        assert_eq!(text, "127.0.0.1\n");
    }
}

#[test]
fn without_a_network_the_host_is_out_of_reach() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let args = ["do", "--network", "none", "--", "/usr/bin/python3", "-c", CLIENT, &port];
    let output = run(&mut lazaret(false, &state(false), &args));
    assert!(String::from_utf8_lossy(&output.stderr).contains("ConnectionRefusedError"), "{output:?}");
}

/// With the host's network, the specification tells which namespace: as with runc.
#[test]
fn the_specification_names_the_network_namespace() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let mut other = Command::new("unshare");
    other.args(["--net", "sh", "-c", "echo; exec sleep 60"]);
    let mut other = other.stdout(Stdio::piped()).spawn().unwrap();
    first_line(&mut other);
    let inode = |path: String| std::fs::read_link(path).unwrap();
    let (own, there) = (inode("/proc/self/ns/net".into()), inode(format!("/proc/{}/ns/net", other.id())));
    assert_ne!(own, there);
    let place = Place::new();
    // The loopback interface of a new namespace is down, so nobody can listen there.
    script(&place, "grep -c : /proc/net/dev");
    let links = |place: &Place| {
        let output = place.lazaret(&["--network", "host", "run", "--bundle", place.bundle().to_str().unwrap(), "c"]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().parse::<usize>().unwrap()
    };
    let namespaces = |entry: Option<serde_json::Value>| {
        change(&place, |spec| {
            spec["linux"]["namespaces"] = entry.into_iter().collect();
        });
        links(&place)
    };
    let all = std::fs::read_to_string("/proc/net/dev").unwrap().matches(':').count();
    assert_eq!(namespaces(None), all);
    assert_eq!(namespaces(Some(serde_json::json!({"type": "network"}))), 1);
    let path = format!("/proc/{}/ns/net", other.id());
    assert_eq!(namespaces(Some(serde_json::json!({"type": "network", "path": path}))), 1);
    other.kill().unwrap();
    finish(other);
    place.assert_clean();
}
