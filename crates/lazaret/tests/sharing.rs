//! A directory that host and container both change: each sees at once what the other does, as with runc.
//!
//! Needs root and python3; runc and the root of `cargo xtask rootfs` to be compared with runc.

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use common::{Place, wait};
use serde_json::{Value, json};

/// What does as it is told.
const AGENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/agent.py");

/// Ends with the test, whatever happens.
struct Agent {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// All that was said.
    said: String,
}

impl Agent {
    fn new(mut command: Command) -> Agent {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Agent { input: child.stdin.take(), output, child, said: String::new() }
    }

    /// Has a line done, and keeps what is said.
    fn tell(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(format!("{line}\n").as_bytes()).unwrap();
        self.said += &format!("> {line}\n");
        loop {
            let mut answer = String::new();
            if self.output.read_line(&mut answer).unwrap() == 0 || answer == ".\n" {
                return;
            }
            self.said += &answer;
        }
    }

    /// What the host sees.
    fn note(&mut self, seen: &dyn std::fmt::Debug) {
        self.said += &format!("host: {seen:?}\n");
    }

    fn end(mut self) -> String {
        drop(self.input.take());
        assert!(wait(&mut self.child).success(), "{}", self.said);
        std::mem::take(&mut self.said)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The host changes the directory, and the agent looks.
fn host_changes(path: &Path, agent: &mut Agent) {
    let at = |name: &str| path.join(name);
    agent.tell("os.stat('file')");
    fs::write(at("file"), "one").unwrap();
    agent.tell("print(os.stat('file').st_size, open('file').read(), os.listdir())");
    fs::write(at("file"), [b'x'; 8192]).unwrap();
    let file = fs::File::options().read(true).write(true).open(at("file")).unwrap();
    agent.tell("f = open('file', 'r+b', 0); m = mmap.mmap(f.fileno(), 8192); p = mmap.mmap(f.fileno(), 8192, prot=1)");
    file.write_all_at(b"by the host", 4090).unwrap();
    agent.tell("print(m[4090:4101], p[4090:4101], os.pread(f.fileno(), 11, 4090))");
    file.set_len(100).unwrap();
    agent.tell("print(os.fstat(f.fileno()).st_size, os.stat('file').st_size, len(os.pread(f.fileno(), 200, 0)))");
    file.set_len(8192).unwrap();
    agent.tell("print(os.stat('file').st_size, m[4090:4094], os.pread(f.fileno(), 4, 4090))");
    fs::create_dir(at("directory")).unwrap();
    fs::write(at("directory/inner"), "inner").unwrap();
    symlink("directory/inner", at("link")).unwrap();
    agent.tell("print(sorted(os.listdir()), os.listdir('directory'), open('link').read(), os.readlink('link'))");
    agent.tell(
        "g = open('directory/inner'); d = os.open('directory', os.O_RDONLY); i = os.stat('directory/inner').st_ino",
    );
    fs::rename(at("directory/inner"), at("moved")).unwrap();
    agent.tell("print(os.listdir('directory'), os.stat('moved').st_ino == i, g.read(), os.fstat(g.fileno()).st_nlink)");
    agent.tell("open('link')");
    fs::write(at("other"), "replaced").unwrap();
    fs::rename(at("other"), at("moved")).unwrap();
    agent.tell("print(open('moved').read(), os.stat('moved').st_ino == i, os.fstat(g.fileno()).st_nlink)");
    fs::rename(at("directory"), at("elsewhere")).unwrap();
    fs::create_dir(at("directory")).unwrap();
    fs::write(at("elsewhere/new"), "new").unwrap();
    agent.tell("print(os.listdir(d), os.listdir('directory'), open('elsewhere/new').read())");
    agent.tell("print(open(os.open('new', os.O_RDONLY, dir_fd=d)).read())");
    fs::remove_file(at("file")).unwrap();
    agent.tell("print(os.fstat(f.fileno()).st_nlink, os.pread(f.fileno(), 4, 4090), m[4090:4094]); os.stat('file')");
    fs::write(at("file"), "again").unwrap();
    agent.tell("print(open('file').read(), os.fstat(f.fileno()).st_size)");
    fs::set_permissions(at("file"), fs::Permissions::from_mode(0o640)).unwrap();
    let file = fs::File::options().write(true).open(at("file")).unwrap();
    file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1000)).unwrap();
    agent.tell("s = os.stat('file'); print(oct(s.st_mode), s.st_mtime)");
    fs::hard_link(at("file"), at("hard")).unwrap();
    agent.tell("print(os.stat('file').st_nlink, os.path.samefile('file', 'hard'))");
    fs::remove_dir_all(at("elsewhere")).unwrap();
    agent.tell("print(sorted(os.listdir()), os.listdir(d)); os.stat('elsewhere/new')");
    agent.tell("os.open('fresh', os.O_CREAT | os.O_WRONLY, dir_fd=d)");
}

/// The agent changes the directory, and the host looks.
fn agent_changes(path: &Path, agent: &mut Agent) {
    let at = |name: &str| path.join(name);
    agent.tell("n = open('made', 'w+b', 0); n.write(b'not closed')");
    agent.note(&fs::read_to_string(at("made")).unwrap());
    let held = fs::File::open(at("made")).unwrap();
    agent.tell("n.truncate(8192); w = mmap.mmap(n.fileno(), 8192); w[5000:5006] = b'mapped'");
    let mut text = [0; 6];
    held.read_exact_at(&mut text, 5000).unwrap();
    agent.note(&(text, held.metadata().unwrap().len()));
    agent.tell("os.chmod('made', 0o604); os.utime('made', (5, 6)); os.link('made', 'second')");
    let found = held.metadata().unwrap();
    agent.note(&(found.mode(), found.atime(), found.mtime(), found.nlink()));
    agent.tell("os.rename('made', 'renamed'); os.unlink('second')");
    agent.note(&(names(path), held.metadata().unwrap().nlink()));
    agent.tell("os.mkdir('below'); os.symlink('renamed', 'below/soft'); os.mkfifo('below/fifo')");
    agent.note(&(names(&at("below")), fs::read_link(at("below/soft")).unwrap()));
    agent.tell("os.rename('renamed', 'below/renamed'); a = open('below/renamed', 'ab', 0)");
    let mut host = fs::File::options().append(true).open(at("below/renamed")).unwrap();
    host.write_all(b"host").unwrap();
    agent.tell("a.write(b'agent'); print(a.tell(), os.pread(n.fileno(), 20, 8192))");
    host.write_all(b"!").unwrap();
    agent.note(&&fs::read(at("below/renamed")).unwrap()[8192..]);
    agent.tell("os.truncate('below/renamed', 3)");
    agent.note(&held.metadata().unwrap().len());
    agent.tell("os.unlink('below/renamed'); os.unlink('below/fifo'); os.unlink('below/soft'); os.rmdir('below')");
    agent.note(&(names(path), held.metadata().unwrap().nlink()));
}

fn use_both(place: &Place, name: &str, command: impl FnOnce(&Path) -> Command) -> String {
    let path = place.0.join(name);
    fs::create_dir(&path).unwrap();
    let mut agent = Agent::new(command(&path));
    host_changes(&path, &mut agent);
    agent_changes(&path, &mut agent);
    agent.end()
}

/// A bundle over a root with python that runs the agent in `path`.
fn bundle(place: &Place, root: &Path, path: &Path, options: &[&str]) -> PathBuf {
    let bundle = path.with_extension("bundle");
    fs::create_dir(&bundle).unwrap();
    let mut spec: Value = serde_json::from_str(&fs::read_to_string(place.config()).unwrap()).unwrap();
    spec["root"] = json!({ "path": root, "readonly": true });
    spec["process"]["args"] = json!(["python3", "-c", fs::read_to_string(AGENT).unwrap(), "/mnt"]);
    spec["process"]["rlimits"] = json!([]);
    let mounts = spec["mounts"].as_array_mut().unwrap();
    mounts.retain(|mount| mount["type"] != "cgroup" && mount["type"] != "cgroup2");
    let options: Vec<_> = ["rbind", "rw"].iter().chain(options).collect();
    mounts.push(json!({ "destination": "/mnt", "type": "bind", "source": path, "options": options }));
    fs::write(bundle.join("config.json"), spec.to_string()).unwrap();
    bundle
}

fn debian() -> Option<PathBuf> {
    let root = PathBuf::from(std::env::var_os("HOME")?).join(".cache/lazaret/rootfs");
    root.join("usr/bin/python3").exists().then_some(root)
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn both_sides_see_at_once_what_the_other_changes() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let on_host = |path: &Path| {
        let mut command = Command::new("python3");
        command.arg(AGENT).arg(path);
        command
    };
    let expected = use_both(&place, "host", on_host);
    for sign in ["b'by the host' b'by the host' b'by the host'", "host: ([109, 97, 112, 112, 101, 100], 8192)"] {
        assert!(expected.contains(sign), "{expected}");
    }
    let root = debian();
    if let Some(root) = root.as_deref().filter(|_| Path::new("/usr/sbin/runc").exists()) {
        let found = use_both(&place, "runc", |path| {
            let bundle = bundle(&place, root, path, &[]);
            let mut command = Command::new("/usr/sbin/runc");
            let id = format!("sharing-{}", std::process::id());
            command.arg("--root").arg(place.0.join("runc-state")).args(["run", "--bundle"]).arg(bundle).arg(id);
            command
        });
        assert_eq!(found, expected, "runc");
    }
    let root = root.unwrap_or_else(|| "/".into());
    for (index, (flags, options)) in [
        (&[][..], &[][..]),
        (&["--directfs=false"], &[]),
        (&[], &["x-lazaret.directfs=false"]),
        (&["--host-uds=all", "--file-access-mounts=exclusive"], &["x-lazaret.file-access=shared"]),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("sandbox-{index}");
        let found = use_both(&place, &name, |path| {
            let bundle = bundle(&place, &root, path, options);
            place.command(&[flags, &["run", "--bundle", bundle.to_str().unwrap(), &name]].concat())
        });
        for (found, expected) in found.lines().zip(expected.lines()) {
            assert_eq!(found, expected, "{flags:?} {options:?}");
        }
        assert_eq!(found, expected, "{flags:?} {options:?}");
    }
    place.assert_clean();
}

#[test]
fn who_is_alone_does_not_ask_again() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let root = debian().unwrap_or_else(|| "/".into());
    for flags in [&["--file-access-mounts=exclusive"][..], &["--file-access-mounts=exclusive", "--directfs=false"]] {
        let path = place.0.join(format!("exclusive-{}", flags.len()));
        fs::create_dir(&path).unwrap();
        let bundle = bundle(&place, &root, &path, &[]);
        let mut agent =
            Agent::new(place.command(&[flags, &["run", "--bundle", bundle.to_str().unwrap(), "alone"]].concat()));
        agent.tell("os.stat('name')");
        fs::write(path.join("name"), "").unwrap();
        agent.tell("os.stat('name')");
        agent.tell("open('own', 'w').write('own'); print(open('own').read(), os.stat('own').st_size)");
        agent.note(&fs::read_to_string(path.join("own")).unwrap());
        let said = agent.end();
        let answers: Vec<_> = said.lines().filter(|line| !line.starts_with('>')).collect();
        assert_eq!(answers, ["ENOENT", "ENOENT", "own 3", "host: \"own\""], "{flags:?}: {said}");
    }
    place.assert_clean();
}
