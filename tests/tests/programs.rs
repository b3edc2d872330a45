//! Real programs: each script in `programs/` prints the same on Linux and in a sandbox.
//!
//! With `lazaret do` over this machine's root, beside this machine; and with `lazaret run` on the Debian
//! root of `cargo xtask rootfs`, beside runc. Both as root and as an ordinary user. Those of [`SERVED`] also where
//! the root and the directory that they work in are served to the sandbox process. What the machine cannot do is
//! ignored, with the reason.
//!
//! `cargo test -p lazaret-tests --test programs -- python` runs one script. They work in the directory `WORK`.

#![forbid(unsafe_code)]

use lazaret_tests::run::{Outcome, run};
use lazaret_tests::sandbox::{PATH, Side, has_tool};
use libtest_mimic::{Arguments, Failed, Trial};
use std::error::Error;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

/// How long a script may take; a sandbox that was built without optimization is slow, and so are other processes' turns.
const LIMIT: Duration = Duration::from_secs(180);

/// The user and group `nobody`, who owns nothing and is lent no ids.
const NOBODY: u32 = 65534;

/// How a script is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Over this machine's root.
    Do,
    /// From a bundle.
    Run,
    /// From a bundle without directfs, working in a directory of the host.
    Served,
}

/// Scripts that work much with files.
const SERVED: [&str; 4] = [ARCHIVE, "cc.sh", "git.sh", "python.sh"];

/// It makes ten thousand files more than once, for the sake of who serves them.
const ARCHIVE: &str = "archive.sh";

struct Setup {
    lazaret: PathBuf,
    scripts: PathBuf,
    rootfs: PathBuf,
    scratch: PathBuf,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(2));
    let Side::Inside(lazaret) = Side::under_test()? else {
        return Ok(ExitCode::SUCCESS);
    };
    let cache = PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache/lazaret/rootfs");
    let setup = Arc::new(Setup {
        lazaret,
        scripts: Path::new(env!("CARGO_MANIFEST_DIR")).join("programs"),
        rootfs: cache,
        scratch: PathBuf::from(format!("/var/tmp/lazaret-programs.{}", std::process::id())),
    });
    let mut trials = Vec::new();
    for entry in fs::read_dir(&setup.scripts)? {
        let script = entry?.file_name().to_string_lossy().into_owned();
        let elsewhere: &[Way] = if script == ARCHIVE { &[] } else { &[Way::Do, Way::Run] };
        for &way in elsewhere {
            for user in [false, true] {
                trials.push(trial(&setup, &script, way, user));
            }
        }
        if SERVED.contains(&script.as_str()) {
            trials.push(trial(&setup, &script, Way::Served, false));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Each trial removed its own folder.
    let _ = fs::remove_dir(&setup.scratch);
    Ok(conclusion.exit_code())
}

fn trial(setup: &Arc<Setup>, script: &str, way: Way, user: bool) -> Trial {
    let missing = missing(setup, way, user);
    let place = match way {
        Way::Do => "do",
        Way::Run => "run",
        Way::Served => "served",
    };
    let name = format!("{place}/{}{}", if user { "user/" } else { "" }, script.trim_end_matches(".sh"));
    let (setup, script) = (Arc::clone(setup), script.to_owned());
    let folder = setup.scratch.join(name.replace('/', "-"));
    let test = move || -> Result<(), Failed> {
        let result = compare(&setup, &script, way, user, &folder).map_err(Failed::from);
        // It may hold files of another user.
        let _ = fs::remove_dir_all(&folder);
        result?
    };
    Trial::test(name, test).with_kind(missing.clone().unwrap_or_default()).with_ignored_flag(missing.is_some())
}

/// What this machine lacks for a trial.
fn missing(setup: &Setup, way: Way, user: bool) -> Option<String> {
    let is_root = rustix::process::geteuid().is_root();
    let tools: &[&str] =
        if way != Way::Do { &["bash", "setpriv", "unshare", "runc"] } else { &["bash", "setpriv", "unshare"] };
    if let Some(tool) = tools.iter().find(|tool| !has_tool(tool)) {
        return Some(format!("needs {tool}"));
    }
    if (user || way != Way::Do) && !is_root {
        return Some("needs root".into());
    }
    if way != Way::Do && !setup.rootfs.join("usr").is_dir() {
        return Some("needs cargo xtask rootfs".into());
    }
    None
}

fn compare(
    setup: &Setup,
    script: &str,
    way: Way,
    user: bool,
    folder: &Path,
) -> Result<Result<(), Failed>, Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    // Whoever runs it must be able to reach it.
    let lazaret = folder.join("lazaret");
    fs::copy(&setup.lazaret, &lazaret)?;
    let [work, state, bundle] = ["work", "state", "bundle"].map(|name| folder.join(name));
    for directory in [&work, &state] {
        fs::create_dir_all(directory)?;
        if user {
            chown(directory, Some(NOBODY), Some(NOBODY))?;
        }
    }
    let scripts = folder.join("scripts");
    fs::create_dir_all(&scripts)?;
    fs::copy(setup.scripts.join(script), scripts.join("script"))?;
    let lazaret = format!("{} --root {}", lazaret.display(), state.display());
    let (linux, sandbox) = match way {
        Way::Do => {
            let script = format!("bash {}", scripts.join("script").display());
            (as_user(&script, user), as_user(&format!("{lazaret} do -- {script}"), user))
        }
        Way::Run | Way::Served => {
            fs::create_dir_all(bundle.join("rootfs"))?;
            fs::write(bundle.join("config.json"), config(&scripts, (way == Way::Served).then_some(&work)))?;
            let mount = format!("mount --bind {} {}", setup.rootfs.display(), bundle.join("rootfs").display());
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            let id = format!("programs-{}-{name}", std::process::id());
            let bundle = bundle.display();
            // runc would need more than a user namespace for an ordinary user: what it prints is the same.
            let runc = format!("runc --root {} run --bundle {bundle} {id}", folder.join("runc").display());
            // Nobody else changes what they work in.
            let served = "--directfs=false --file-access-mounts=exclusive ";
            let flags = if way == Way::Served { served } else { "" };
            let ours = as_user(&format!("{lazaret} {flags}run --bundle {bundle} {id}"), user);
            (format!("{mount} && {runc}"), format!("{mount} && {ours}"))
        }
    };
    let expected = outcome(&linux, &work)?;
    fs::remove_dir_all(&work)?;
    fs::create_dir(&work)?;
    if user {
        chown(&work, Some(NOBODY), Some(NOBODY))?;
    }
    let found = outcome(&sandbox, &work)?;
    let shown = |outcome: &Outcome| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        format!("{:?}\n{}{}", outcome.status, text(&outcome.stdout), text(&outcome.stderr))
    };
    let (expected, found) = (shown(&expected), shown(&found));
    if expected == found {
        return Ok(Ok(()));
    }
    let differs = expected.lines().zip(found.lines()).find(|(a, b)| a != b);
    Ok(Err(format!("first difference: {differs:?}\n--- Linux\n{expected}--- sandbox\n{found}").into()))
}

/// A shell command line, run by `nobody` if not by root.
fn as_user(line: &str, user: bool) -> String {
    let change = format!("setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups ");
    format!("exec {}{line}", if user { &change } else { "" })
}

/// Runs a shell command line in a mount namespace of its own (as root).
fn outcome(line: &str, work: &Path) -> Result<Outcome, Box<dyn Error>> {
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", line]);
        command
    } else {
        let mut command = Command::new("sh");
        command.args(["-c", line]);
        command
    };
    let variables = [("PATH", PATH), ("LANG", "C.UTF-8"), ("TZ", "UTC")];
    command.current_dir(work).env_clear().envs(variables).env("HOME", work).env("WORK", work);
    Ok(run(&mut command, LIMIT)?)
}

/// A bundle's configuration: a read-only root, `/tmp` to work in, which may be a directory of the host.
fn config(scripts: &Path, work: Option<&Path>) -> String {
    let (kind, source, options) = match work {
        Some(work) => ("bind", work.display().to_string(), r#""rbind""#),
        None => ("tmpfs", "tmpfs".into(), r#""nosuid", "nodev", "mode=1777""#),
    };
    let capabilities = r#"["CAP_KILL", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SETUID", "CAP_SETGID"]"#;
    format!(
        r#"{{
  "ociVersion": "1.0.2",
  "process": {{
    "user": {{ "uid": 0, "gid": 0 }},
    "args": ["bash", "/scripts/script"],
    "env": ["PATH={PATH}", "LANG=C.UTF-8", "TZ=UTC", "HOME=/tmp", "WORK=/tmp"],
    "cwd": "/",
    "capabilities": {{ "bounding": {capabilities}, "effective": {capabilities}, "permitted": {capabilities} }}
  }},
  "root": {{ "path": "rootfs", "readonly": true }},
  "hostname": "programs",
  "mounts": [
    {{ "destination": "/proc", "type": "proc", "source": "proc" }},
    {{ "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"] }},
    {{ "destination": "/dev/pts", "type": "devpts", "source": "devpts",
       "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"] }},
    {{ "destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "nodev", "mode=1777"] }},
    {{ "destination": "/tmp", "type": "{kind}", "source": "{source}", "options": [{options}] }},
    {{ "destination": "/scripts", "type": "bind", "source": "{}", "options": ["rbind", "ro"] }}
  ],
  "linux": {{
    "namespaces": [
      {{ "type": "pid" }}, {{ "type": "mount" }}, {{ "type": "ipc" }}, {{ "type": "uts" }}, {{ "type": "network" }}
    ]
  }}
}}
"#,
        scripts.display()
    )
}
