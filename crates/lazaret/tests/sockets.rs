//! Unix sockets of the host in the mounts of a container: `--host-uds`.
//!
//! Needs root and python3.

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::{
        fs::{FileTypeExt, MetadataExt},
        net::{UnixDatagram, UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Output, Stdio},
    time::Duration,
};

use common::{Place, finish, run, until};

/// How long the host waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// With directfs elsewhere, and without.
const WAYS: [&[&str]; 2] = [&[], &["--directfs=false"]];

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn program(name: &str) -> String {
    format!("{}/tests/programs/{name}.py", env!("CARGO_MANIFEST_DIR"))
}

fn directory(place: &Place, name: &str) -> PathBuf {
    let path = place.0.join(name);
    fs::create_dir(&path).unwrap();
    path
}

/// The host's server, in a directory of its own; it is killed in the end.
struct Server(Child, PathBuf);

impl Server {
    fn new(place: &Place, name: &str) -> Server {
        let path = directory(place, name);
        let mut command = Command::new("python3");
        command.arg(program("sockets_server")).arg(&path).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Server(child, path)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program in a container that has the directory.
fn inside(place: &Place, flags: &[&str], path: &Path, command: &[&str]) -> Command {
    let mount = format!("{}:/mnt", path.display());
    place.command(&[flags, &["do", "--volume", &mount, "--"], command].concat())
}

fn text(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_client_sees_what_it_sees_on_the_host() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let server = Server::new(&place, "host");
    let client = program("sockets_client");
    let expected = text(&run(Command::new("python3").arg(&client).arg(&server.1).stdin(Stdio::null())));
    assert_eq!(expected.1, "");
    for (index, way) in WAYS.iter().enumerate() {
        let server = Server::new(&place, &format!("inside-{index}"));
        for access in ["--host-uds=open", "--host-uds=all"] {
            let _ = fs::remove_file(server.1.join("heard"));
            let flags = [way, &[access][..]].concat();
            let mut command = inside(&place, &flags, &server.1, &["python3", &client, "/mnt"]);
            let found = text(&run(command.stdin(Stdio::null())));
            for (found, expected) in found.0.lines().zip(expected.0.lines()) {
                assert_eq!(found, expected, "{flags:?}");
            }
            assert_eq!(found, expected, "{flags:?}");
        }
    }
    place.assert_clean();
}

#[test]
fn nobody_is_reached_unless_it_is_allowed() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let server = Server::new(&place, "host");
    let script = "import socket
for name, kind in ('stream', 1), ('datagrams', 2), ('packets', 5):
    try: socket.socket(socket.AF_UNIX, kind).connect('/mnt/' + name); print('connected')
    except OSError as error: print(error.errno == 111)";
    for way in WAYS {
        for flags in [&["--host-uds=none"][..], &["--host-uds=create"], &[]] {
            let mut command = inside(&place, &[way, flags].concat(), &server.1, &["python3", "-c", script]);
            let output = run(command.stdin(Stdio::null()));
            assert_eq!(text(&output), ("True\nTrue\nTrue\n".into(), String::new()), "{flags:?}");
        }
    }
    place.assert_clean();
}

#[test]
fn descriptors_of_the_host_are_dropped_and_those_of_the_sandbox_refused() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let server = Server::new(&place, "host");
    let log = place.0.join("log");
    let script = "import array, errno, os, socket
before = set(os.listdir('/proc/self/fd'))
for kind, name in (socket.SOCK_STREAM, 'stream'), (socket.SOCK_SEQPACKET, 'packets'):
    client = socket.socket(socket.AF_UNIX, kind); client.settimeout(10)
    client.connect('/mnt/' + name)
    client.send(b'rights')
    data, beside, flags, _ = client.recvmsg(100, 1000)
    print(data, beside, bool(flags & socket.MSG_CTRUNC))
    try: client.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0]))])
    except OSError as error: print(errno.errorcode[error.errno])
    client.send(b'still'); print(client.recv(100)); client.close()
print(set(os.listdir('/proc/self/fd')) == before)";
    let flags = ["--host-uds=open", "--user-log", log.to_str().unwrap()];
    let output = run(inside(&place, &flags, &server.1, &["python3", "-c", script]).stdin(Stdio::null()));
    let each = "b'taken' [] True\nENOTSUP\nb'STILL'\n";
    assert_eq!(text(&output), (format!("{each}{each}True\n"), String::new()));
    let told = fs::read_to_string(&log).unwrap();
    assert!(told.contains("has sent descriptors over a Unix socket: they were dropped"), "{told}");
    place.assert_clean();
}

#[test]
fn one_socket_is_mounted_by_itself() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let path = place.0.join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    for way in WAYS {
        for access in ["rw", "ro"] {
            let mount = format!("{}:/run/one:{access}", path.display());
            let script = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/one'); print(s.recv(9))";
            let args = [way, &["--host-uds=open", "do", "--volume", &mount, "--", "python3", "-c", script]].concat();
            let mut command = place.command(&args);
            let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            listener.set_nonblocking(true).unwrap();
            let (mut connection, _) = until("a connection", || listener.accept().ok());
            connection.write_all(b"from host").unwrap();
            assert_eq!(text(&finish(child)), ("b'from host'\n".into(), String::new()));
        }
    }
    place.assert_clean();
}

/// A maker of sockets that runs, on the host or in a container.
struct Maker {
    child: Child,
    input: ChildStdin,
    lines: BufReader<std::process::ChildStdout>,
}

impl Maker {
    fn new(mut command: Command) -> Maker {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (input, lines) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Maker { child, input, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    fn go(&mut self) {
        self.input.write_all(b"\n").unwrap();
    }
}

/// Uses a maker's sockets from the host; what both say.
fn use_maker(mut maker: Maker, path: &Path) -> String {
    let mut told = maker.line();
    let made = path.join("made");
    let found = fs::metadata(&made).unwrap();
    told += &format!("{} {:o} {} {}\n", found.file_type().is_socket(), found.mode(), found.uid(), found.gid());
    told += &format!("{:?}\n", UnixStream::connect(&made).map(drop).map_err(|error| error.kind()));
    maker.go();
    // After the line about the second bind.
    told += &maker.line();
    told += &maker.line();
    for number in 0..2 {
        let mut client = UnixStream::connect(&made).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        if number == 0 {
            let peer = client.peer_addr().unwrap();
            told += &format!("{:?}\n", peer.as_pathname().and_then(Path::file_name));
        }
        client.write_all(format!("from host {number}").as_bytes()).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        told += &format!("{answer}\n");
    }
    UnixDatagram::unbound().unwrap().send_to(b"datagram", path.join("heard")).unwrap();
    loop {
        let line = maker.line();
        told += &line;
        if line == "closed\n" || line.is_empty() {
            break;
        }
    }
    told += &format!("{:?}\n", UnixStream::connect(&made).map(drop).map_err(|error| error.kind()));
    maker.go();
    let (mut rest, mut errors) = (String::new(), String::new());
    maker.lines.read_to_string(&mut rest).unwrap();
    maker.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    common::wait(&mut maker.child);
    format!("{told}{rest}{errors}{}\n", made.exists())
}

#[test]
fn the_host_reaches_what_a_container_makes() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let maker = program("sockets_maker");
    let path = directory(&place, "host");
    let mut command = Command::new("python3");
    command.arg(&maker).arg(&path);
    let expected = use_maker(Maker::new(command), &path);
    assert!(expected.contains("closed\n"), "{expected}");
    for (index, way) in WAYS.iter().enumerate() {
        for access in ["--host-uds=create", "--host-uds=all"] {
            let path = directory(&place, &format!("inside-{index}{access}"));
            let command = inside(&place, &[way, &[access][..]].concat(), &path, &["python3", &maker, "/mnt"]);
            assert_eq!(use_maker(Maker::new(command), &path), expected, "{way:?} {access}");
        }
    }
    place.assert_clean();
}

#[test]
fn what_a_container_makes_is_its_own_unless_it_is_allowed() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let script = "import socket, sys
s = socket.socket(socket.AF_UNIX); s.bind('/mnt/made'); s.listen(); print('made', flush=True)
c = socket.socket(socket.AF_UNIX); c.connect('/mnt/made'); c.send(b'inside'); print(s.accept()[0].recv(9), flush=True)
sys.stdin.read()";
    for (index, way) in WAYS.iter().enumerate() {
        for access in ["--host-uds=none", "--host-uds=open"] {
            let path = directory(&place, &format!("inside-{index}{access}"));
            let command = inside(&place, &[way, &[access][..]].concat(), &path, &["python3", "-c", script]);
            let mut maker = Maker::new(command);
            assert_eq!((maker.line(), maker.line()), ("made\n".into(), "b'inside'\n".into()));
            let refused = UnixStream::connect(path.join("made")).unwrap_err();
            assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
            drop(maker.input);
            assert!(common::wait(&mut maker.child).success());
        }
    }
    place.assert_clean();
}
