//! What a row works with: a state directory, specifications, and streams that are read.

use std::{
    env, fs,
    fs::File,
    io::{self, Read},
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use lazaret_sandbox::{Args, Config, Container, Sandbox, Spec, Status, Stdio, spec};

/// A directory of a row's own, which must be empty of sandboxes at the end.
pub struct Place {
    path: PathBuf,
    /// Settings with a state directory there.
    pub config: Config,
}

impl Place {
    pub fn new() -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("lazaret-api-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        let config = Config::of_root(path.join("state"));
        Place { path, config }
    }

    /// A path below the directory.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A sandbox, open for further containers, whose first one has been started and runs a shell script.
    pub fn sandbox(&self, script: &str) -> Sandbox {
        let mut sandbox = Sandbox::new(&self.config, Args { is_open: true, ..args("first", script) }).unwrap();
        sandbox.root_mut().start().unwrap();
        sandbox
    }

    /// A further container, started.
    pub fn member(&self, sandbox: &Sandbox, id: &str, script: &str) -> Container {
        let mut container = sandbox.create_container(&self.config, args(id, script)).unwrap();
        container.start().unwrap();
        container
    }

    /// No container is left.
    pub fn assert_empty(&self) {
        let left: Vec<_> = fs::read_dir(&self.config.root).into_iter().flatten().flatten().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.assert_empty();
        }
        fs::remove_dir_all(&self.path).unwrap();
    }
}

/// The specification of a container that runs a shell script on the host's own root, which it cannot change.
pub fn specification(script: &str) -> Spec {
    let mut spec = spec::default_spec();
    spec.root = Some(spec::Root { path: "/".into(), readonly: false });
    let process = spec.process.take().unwrap();
    let args = ["sh", "-c", script].map(Into::into).into();
    // Not every host lets limits be raised.
    spec.process = Some(spec::Process { terminal: false, args, rlimits: Vec::new(), ..process });
    spec
}

/// A container that runs a shell script, with null streams.
pub fn args(id: &str, script: &str) -> Args {
    Args {
        id: id.into(),
        spec: specification(script),
        bundle: "/".into(),
        stdio: null(),
        files: Vec::new(),
        attached: true,
        stands_in: false,
        is_open: false,
    }
}

/// A process that runs a shell script.
pub fn process(script: &str) -> spec::Process {
    specification(script).process.unwrap()
}

fn open_null() -> OwnedFd {
    File::options().read(true).write(true).open("/dev/null").unwrap().into()
}

/// Streams that lead nowhere.
pub fn null() -> Stdio {
    Stdio::Files([open_null(), open_null(), open_null()])
}

/// Streams whose output is read at the other end; errors are this process' own.
pub fn read() -> (Stdio, File) {
    let (reader, writer) = io::pipe().unwrap();
    let errors = io::stderr().as_fd().try_clone_to_owned().unwrap();
    (Stdio::Files([open_null(), writer.into(), errors]), OwnedFd::from(reader).into())
}

/// Runs a further process; its output and its status.
pub fn execute(container: &Container, process: &spec::Process) -> (String, u8) {
    let (stdio, mut output) = read();
    let execution = container.execute(process, stdio, Vec::new()).unwrap();
    let mut text = String::new();
    output.read_to_string(&mut text).unwrap();
    (text, execution.wait().unwrap())
}

/// Asks again and again until there is an answer.
#[track_caller]
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A process of the host lives.
pub fn is_alive(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Waits until a container is in a state.
#[track_caller]
pub fn await_status(container: &Container, status: Status) {
    until(status.name(), || (container.status() == status).then_some(()));
}
