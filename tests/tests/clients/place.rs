//! A directory for one test, the programs of the clients, and daemons that end with the test.

use lazaret_tests::run::{Outcome, run};
use lazaret_tests::sandbox::{PATH, Side};
use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// How long one command may take.
const LIMIT: Duration = Duration::from_secs(60);

/// How long a daemon may take to end.
const END: Duration = Duration::from_secs(20);

/// A directory for one test.
pub struct Place {
    /// The directory.
    pub directory: PathBuf,
    /// A name that no other test has.
    pub name: String,
    /// The program under test.
    pub lazaret: PathBuf,
    path: String,
    /// A network namespace that plays the host's, by its path.
    network: Option<String>,
}

impl Place {
    /// `None`, with a word to the user, where the clients cannot run.
    pub fn new(programs: &[&str]) -> Option<Place> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let absent = |why: &str| {
            eprintln!("not tested: {why}");
            None
        };
        if !rustix::process::geteuid().is_root() {
            return absent("needs root");
        }
        let Ok(Side::Inside(lazaret)) = Side::under_test() else { return absent("lazaret is not built") };
        let ours = lazaret.parent().unwrap_or(Path::new("/")).display().to_string();
        let unpacked = cache().join("clients/usr");
        let path = format!("{ours}:{0}/bin:{0}/sbin:{PATH}", unpacked.display());
        let is_there = |name: &&str| path.split(':').any(|folder| Path::new(folder).join(name).is_file());
        if let Some(missing) = programs.iter().find(|name| !is_there(name)) {
            return absent(&format!("{missing} is not installed; cargo xtask test does it"));
        }
        let name = format!("lazaret-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let directory = PathBuf::from("/var/tmp").join(&name);
        fs::create_dir_all(&directory).unwrap();
        Some(Place { directory, name, lazaret, path, network: None })
    }

    /// From here on commands and daemons have a network namespace of their own, which they may change. False, with a
    /// word to the user, where none can be made.
    pub fn take_network(&mut self) -> bool {
        let ip = |arguments: &[&str]| all(Command::new("ip").args(arguments)).0 == 0;
        if !ip(&["netns", "add", &self.name]) {
            eprintln!("not tested: this host makes no network namespaces");
            return false;
        }
        self.network = Some(format!("/run/netns/{}", self.name));
        ip(&["-n", &self.name, "link", "set", "lo", "up"])
    }

    /// A command that finds the programs of the clients.
    pub fn command(&self, program: &str) -> Command {
        // Found by the shell's rules in a path that this process itself does not have.
        let mut command = match &self.network {
            Some(network) => {
                let mut command = Command::new("nsenter");
                command.arg(format!("--net={network}")).arg("env");
                command
            }
            None => Command::new("env"),
        };
        command.arg("-C").arg(&self.directory).arg(format!("PATH={}", self.path)).arg(program);
        command
    }

    /// A file of the packages that were unpacked.
    pub fn unpacked(&self, path: &str) -> PathBuf {
        cache().join("clients/usr").join(path)
    }

    /// A daemon, which is killed if this process dies, with its messages in a file.
    pub fn daemon(&self, program: &str, arguments: &[&str]) -> Daemon {
        let log = fs::File::create(self.directory.join(format!("{program}.log"))).unwrap();
        let mut command = self.command("setpriv");
        command.args(["--pdeathsig", "KILL", program]).args(arguments).stdin(Stdio::null());
        Daemon(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap())
    }

    /// An image `box:1` of busybox, as an archive in Docker's format.
    pub fn image(&self) -> PathBuf {
        let script = "mkdir -p root/bin && cp \"$(command -v busybox)\" root/bin/ &&
            for name in sh echo cat sleep tty stty true id hostname touch pwd ls ip nc ps; do
                ln -s busybox root/bin/$name; done &&
            mkdir image && tar -C root -cf image/layer.tar . &&
            layer=$(sha256sum image/layer.tar | cut -d' ' -f1) &&
            echo '{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Env\":[\"PATH=/bin\"]},' \
                 '\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:'$layer'\"]}}' > image/config.json &&
            echo '[{\"Config\":\"config.json\",\"RepoTags\":[\"docker.io/library/box:1\"],' \
                 '\"Layers\":[\"layer.tar\"]}]' > image/manifest.json &&
            tar -C image -cf image.tar .";
        let mut command = self.command("sh");
        assert_eq!(good(command.args(["-ec", script])), "");
        self.directory.join("image.tar")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Whatever a daemon that was killed has left mounted.
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let mine = mounts.lines().filter_map(|line| line.split(' ').nth(4));
        let mut mine: Vec<&str> = mine.filter(|target| Path::new(target).starts_with(&self.directory)).collect();
        mine.sort_unstable();
        for target in mine.iter().rev() {
            let _ = Command::new("umount").args(["-l", target]).status();
        }
        let _ = fs::remove_dir_all(&self.directory);
        if self.network.is_some() {
            let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
        }
        // Docker's engine mounts its own directory on itself, and does not always succeed in undoing it; and it keeps
        // the host's network namespace once that was asked for.
        let of_docker = ["data", "exec/netns/default"].map(|path| self.directory.join(path));
        mine.retain(|target| !of_docker.contains(&target.into()));
        assert!(thread::panicking() || mine.is_empty(), "still mounted: {mine:?}");
    }
}

/// A running daemon.
pub struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let deadline = Instant::now() + END;
        while Instant::now() < deadline && matches!(self.0.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a command with no input.
pub fn outcome(command: &mut Command) -> Outcome {
    run(command, LIMIT).unwrap()
}

/// The output of a command that must succeed, without the terminal's carriage returns.
#[track_caller]
pub fn good(command: &mut Command) -> String {
    let outcome = outcome(command);
    assert_eq!(outcome.status, Ok(0), "{command:?}: {}", text(&outcome.stderr));
    text(&outcome.stdout)
}

/// Exit status, output and messages of a command.
pub fn all(command: &mut Command) -> (i32, String, String) {
    let outcome = outcome(command);
    (outcome.status.unwrap(), text(&outcome.stdout), text(&outcome.stderr))
}

/// A command on a terminal of 33 rows and 99 columns; see script(1).
pub fn on_terminal(command: &Command) -> Command {
    let quote = |word: &std::ffi::OsStr| format!("'{}'", word.to_string_lossy().replace('\'', "'\\''"));
    let words: Vec<String> = [command.get_program()].into_iter().chain(command.get_args()).map(quote).collect();
    let line = format!("stty rows 33 cols 99; {}", words.join(" "));
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    command
}

fn text(bytes: &[u8]) -> String {
    // script(1) shows the end of its own input.
    String::from_utf8_lossy(bytes).replace("^@", "").trim_matches(['\0', '\n', '\r']).replace('\r', "")
}

/// Asks again and again until the answer is yes.
#[track_caller]
pub fn until(what: &str, mut ask: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !ask() {
        assert!(Instant::now() < deadline, "waited too long for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Where `cargo xtask` keeps what is expensive to make.
fn cache() -> PathBuf {
    let variable = |name| env::var_os(name).map(PathBuf::from);
    variable("LAZARET_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("lazaret")))
        .or_else(|| variable("HOME").map(|home| home.join(".cache/lazaret")))
        .unwrap_or_default()
}

/// What containers serve on port 80.
pub const SERVE: &str = "nc -ll -p 80 -e echo hello";

/// Asks a server from the place of the host until it says hello.
pub fn ask(place: &Place, address: &str, port: &str) {
    let client = "import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 5) as server:
    print(server.makefile().read(), end='')";
    until("a server", || all(place.command("python3").args(["-c", client, address, port])).1 == "hello");
}
