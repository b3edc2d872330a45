//! `--network sandbox`: the same programs over a link, in a sandbox and under runc.

mod common;

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::symlink,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

use common::{Place, change, finish, netns::Netns, run};
use serde_json::json;

/// Addresses of the other end, and of the container's.
const PEER: [&str; 2] = ["10.99.7.1", "fd99::1"];
const OWN: [&str; 2] = ["10.99.7.2", "fd99::2"];

/// Two network namespaces of the host with a link between them: that of a container, and the other end.
struct Wire {
    name: String,
    namespaces: [Netns; 2],
    servers: Vec<Child>,
}

impl Wire {
    /// `None` where nobody can make one.
    fn new() -> Option<Wire> {
        let namespaces = [Netns::new()?, Netns::new()?];
        let [own, peer] = &namespaces;
        assert!(own.ip(&format!("link add eth0 type veth peer name eth0 netns {}", peer.name)));
        for (namespace, [ipv4, ipv6]) in [(own, OWN), (peer, PEER)] {
            for command in [
                format!("addr add {ipv4}/24 broadcast 10.99.7.255 dev eth0"),
                format!("-6 addr add {ipv6}/64 dev eth0 nodad"),
                "link set eth0 up".into(),
            ] {
                assert!(namespace.ip(&command), "{command}");
            }
        }
        assert!(own.ip(&format!("route add default via {}", PEER[0])));
        Some(Wire { name: own.name.clone(), namespaces, servers: Vec::new() })
    }

    fn own(&self) -> String {
        self.name.clone()
    }

    fn peer(&self) -> String {
        self.namespaces[1].name.clone()
    }

    /// A command at the other end.
    fn there(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.peer(), program]);
        command
    }

    /// Runs the servers of `peer.py` at the other end for as long as there is a wire.
    fn serve(&mut self) {
        let program = programs().join("peer.py");
        let mut command = self.there("python3");
        command.arg(program).args(PEER).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.servers.push(child);
        assert_eq!(line, "ready\n");
    }

    /// A bundle that runs a command in the container's namespace, over what the host has in `/usr`.
    fn bundle(&self, command: &[&str]) -> Place {
        let place = Place::new();
        let root = place.bundle().join("rootfs");
        for link in ["bin", "sbin", "lib", "lib64"] {
            symlink(format!("usr/{link}"), root.join(link)).unwrap();
        }
        for directory in ["usr", "etc", "proc", "dev", "sys", "tmp"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        for program in ["inside.py", "peer.py", "ping.py"] {
            fs::copy(programs().join(program), root.join("tmp").join(program)).unwrap();
        }
        let path = self.namespaces[0].path();
        change(&place, |spec| {
            spec["process"]["args"] = json!(command);
            spec["root"]["readonly"] = json!(false);
            let mounts = spec["mounts"].as_array_mut().unwrap();
            mounts.push(json!({"destination": "/usr", "type": "bind", "source": "/usr", "options": ["rbind", "ro"]}));
            let namespaces = spec["linux"]["namespaces"].as_array_mut().unwrap();
            namespaces.retain(|namespace| namespace["type"] != "network");
            namespaces.push(json!({"type": "network", "path": path}));
        });
        place
    }

    /// Runs a bundle in a sandbox.
    fn sandbox(&self, place: &Place) -> Output {
        place.lazaret(&["--network", "sandbox", "run", "--bundle", place.bundle().to_str().unwrap(), &self.name])
    }

    /// Runs a bundle under runc; `None` where it does not run.
    fn runc(&self, place: &Place) -> Option<Output> {
        if Command::new("runc").arg("--version").output().is_err() {
            eprintln!("compared with nothing: runc is missing");
            return None;
        }
        let mut command = Command::new("runc");
        command.arg("--root").arg(place.0.join("runc")).args(["run", "--bundle"]).arg(place.bundle()).arg(&self.name);
        Some(run(&mut command))
    }

    /// What the host has in the container's namespace.
    fn configured(&self) -> String {
        ["addr show eth0 scope global", "route", "-6 route"]
            .map(|command| {
                let output = run(Command::new("ip").args(["-n", &self.name]).args(command.split(' ')));
                String::from_utf8(output.stdout).unwrap()
            })
            .concat()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        for mut server in self.servers.drain(..) {
            drop(server.stdin.take());
            server.kill().unwrap();
            finish(server);
        }
    }
}

fn programs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/programs")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What the other end sees of servers in a container.
#[test]
fn servers_are_seen_as_under_runc() {
    let Some(wire) = Wire::new() else { return };
    let place = wire.bundle(&["/usr/bin/python3", "/tmp/peer.py", "0.0.0.0", "::"]);
    let bundle = place.bundle();
    let mut sandbox = place.command(&["--network", "sandbox", "run", "--bundle", bundle.to_str().unwrap(), &wire.name]);
    let mut runc = Command::new("runc");
    runc.arg("--root").arg(place.0.join("runc")).args(["run", "--bundle"]).arg(&bundle).arg(&wire.name);
    let outputs = [&mut runc, &mut sandbox].map(|command| {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        let mut client = wire.there("python3");
        let output = run(client.arg(programs().join("inside.py")).args([OWN[0], OWN[1], PEER[0], PEER[1]]));
        drop(child.stdin.take());
        assert!(finish(child).status.success());
        assert!(output.status.success(), "{}", text(&output));
        Some(text(&output))
    });
    let [expected, output] = outputs;
    if expected.is_some() {
        assert_eq!(output, expected);
    }
    place.assert_clean();
}

/// Echo requests by sockets of ICMP and by raw ones, both ways.
#[test]
fn pings_are_answered() {
    let Some(wire) = Wire::new() else { return };
    let program = |command: &[&str], capable: bool, groups: &str| {
        let place = wire.bundle(command);
        change(&place, |spec| {
            spec["linux"]["sysctl"] = json!({"net.ipv4.ping_group_range": groups});
            for set in ["bounding", "effective", "permitted"] {
                let list = spec["process"]["capabilities"][set].as_array_mut().unwrap();
                list.retain(|name| name != "CAP_NET_RAW");
                if capable {
                    list.push(json!("CAP_NET_RAW"));
                }
            }
        });
        place
    };
    for (capable, groups) in [(true, "0 10"), (false, "0 10"), (false, "5 10")] {
        let place = program(&["/usr/bin/python3", "/tmp/ping.py", PEER[0], PEER[1], OWN[0], OWN[1]], capable, groups);
        let output = wire.sandbox(&place);
        assert!(output.status.success(), "{}", text(&output));
        if let Some(expected) = wire.runc(&place) {
            assert_eq!(text(&output), text(&expected), "{capable} {groups}");
        }
        place.assert_clean();
    }
    let place = program(&["/usr/bin/python3", "/tmp/peer.py", "0.0.0.0", "::"], false, "1 0");
    let bundle = place.bundle();
    let mut command = place.command(&["--network", "sandbox", "run", "--bundle", bundle.to_str().unwrap(), &wire.name]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    let output = run(wire.there("python3").arg(programs().join("ping.py")).args([OWN[0], OWN[1], PEER[0], PEER[1]]));
    drop(child.stdin.take());
    finish(child);
    let output = text(&output);
    assert_eq!(output.matches("answer from there: True").count(), 8, "{output}");
    place.assert_clean();
}

/// `do` makes a network of its own: it reaches the host, and others by the host's address. Nothing of it stays, not
/// even of one that was killed.
#[test]
fn a_command_gets_a_link_to_the_host() {
    let Some(mut wire) = Wire::new() else { return };
    wire.serve();
    // What plays the host here is the container's namespace.
    let here = |arguments: &[&str]| {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &wire.own()]).args(arguments);
        command
    };
    let shell = |script: &str| run(here(&["sh", "-c", script]).stdin(Stdio::null()));
    // Addresses are tentative for a while.
    let state_of_host = || text(&shell("ip -o addr | sed 's/ tentative//'; iptables-save 2>/dev/null | grep -e '^-A'"));
    let before = state_of_host();
    let forwarding = || text(&shell("grep . /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/*/forwarding"));
    let switches = forwarding();
    assert!(switches.contains("eth0/forwarding:0"), "{switches}");
    let place = Place::new();
    let state = place.state();
    let lazaret =
        [env!("CARGO_BIN_EXE_lazaret"), "--root", state.to_str().unwrap(), "do", "--network", "sandbox", "--"];
    let client = "import socket, sys, os
route = [line.split() for line in open('/proc/net/route')][1]
gateway = socket.inet_ntoa(bytes.fromhex(route[2])[::-1])
listener = socket.socket()
for host, port in (gateway, 9), (sys.argv[1], 7000):
    s = socket.socket()
    s.settimeout(10)
    try:
        s.connect((host, port))
        s.sendall(b'hello')
        print(s.recv(9))
    except OSError as error:
        print(type(error).__name__)";
    let output = run(here(&[&lazaret[..], &["/usr/bin/python3", "-c", client, PEER[0]]].concat()).stdin(Stdio::null()));
    let printed = text(&output);
    let expected = if printed.contains("warning: neither nft") { "TimeoutError" } else { "b'hello'" };
    assert!(printed.ends_with(&format!("ConnectionRefusedError\n{expected}\n")), "{printed}");
    // A killed one leaves its rules to the next.
    let mut child = here(&[&lazaret[..], &["sh", "-c", "echo ready; sleep 60"]].concat());
    let mut child = child.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    child.kill().unwrap();
    finish(child);
    common::until("the interface to go", || (!text(&shell("ip -o link")).contains(": lazaret")).then_some(()));
    let output = run(here(&[&lazaret[..], &["true"]].concat()).stdin(Stdio::null()));
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(state_of_host(), before);
    assert_eq!(forwarding(), switches);
    let lazaret =
        [env!("CARGO_BIN_EXE_lazaret"), "--root", "/tmp/lazaret-links-user", "do", "--network", "sandbox", "true"];
    let mut ordinary = Command::new("setpriv");
    ordinary.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).args(lazaret);
    let output = text(&run(ordinary.stdin(Stdio::null())));
    assert!(output.contains("only root can; without root there is --network host"), "{output}");
}

/// The links of a namespace are one sandbox' at a time; who is killed leaves them to the next.
#[test]
fn links_are_not_shared_by_sandboxes() {
    let Some(wire) = Wire::new() else { return };
    let place = wire.bundle(&["/usr/bin/python3", "-c", "print('ready', flush=True); import time; time.sleep(60)"]);
    let before = wire.configured();
    let start = |id: &str| {
        let bundle = place.bundle();
        let mut command = place.command(&["run", "--bundle", bundle.to_str().unwrap(), id]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut first = start("first");
    let mut line = String::new();
    BufReader::new(first.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let second = text(&finish(start("second")));
    assert!(second.contains("its links are those of sandbox \"first\""), "{second}");
    first.kill().unwrap();
    finish(first);
    common::until("the end", || {
        place.lazaret(&["list"]);
        (wire.configured() == before).then_some(())
    });
    place.assert_clean();
}

/// What a container sees of a link.
#[test]
fn clients_see_what_they_see_under_runc() {
    let Some(mut wire) = Wire::new() else { return };
    wire.serve();
    let before = wire.configured();
    let command = ["/usr/bin/python3", "/tmp/inside.py", PEER[0], PEER[1], OWN[0], OWN[1]];
    let place = wire.bundle(&command);
    let expected = wire.runc(&place);
    // Twice: the host gets its addresses back in between.
    for _ in 0..2 {
        let output = wire.sandbox(&place);
        assert!(output.status.success(), "{}", text(&output));
        if let Some(expected) = &expected {
            assert_eq!(text(&output), text(expected));
        }
        assert_eq!(wire.configured(), before);
    }
    place.assert_clean();
}
