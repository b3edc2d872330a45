//! Each row of the library's interface, on real containers; docs/api.md lists them.
//!
//! A process that makes sandboxes has one thread only, so each row runs in a process of its own: as this user, and as
//! an ordinary one if this is root.

mod place;
mod rows;

use std::{
    env, fs,
    path::Path,
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use libtest_mimic::{Arguments, Failed, Trial};

use rows::ROWS;

/// Names the row to run, in a process that runs one.
const ROW: &str = "LAZARET_API_ROW";

/// How long a row may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// User and group `nobody`.
const NOBODY: &str = "65534";

fn main() -> ExitCode {
    if let Ok(wanted) = env::var(ROW) {
        let row = ROWS.iter().find(|(name, _)| *name == wanted);
        row.expect("a known row").1();
        return ExitCode::SUCCESS;
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(2));
    let is_root = rustix::process::geteuid().is_root();
    let trial = |(name, _): &'static (&str, fn())| {
        let own = Trial::test(*name, move || run(name, false));
        let ordinary = Trial::test(format!("{name} (ordinary user)"), move || run(name, true));
        [Some(own), is_root.then_some(ordinary)].into_iter().flatten()
    };
    libtest_mimic::run(&arguments, ROWS.iter().flat_map(trial).collect()).exit_code()
}

/// Runs a row in a process of its own, and kills it if it hangs. Its sandboxes are attached: they end with it.
fn run(name: &str, ordinary: bool) -> Result<(), Failed> {
    let program = env::current_exe()?;
    let mut command = if ordinary { Command::new("setpriv") } else { Command::new(&program) };
    if ordinary {
        command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]).arg(&program);
    }
    let log = env::temp_dir().join(format!("lazaret-api-{}-{name}-{ordinary}.log", std::process::id()));
    let output = fs::File::create(&log)?;
    command.env(ROW, name).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    let result = finish(&mut command, &log);
    fs::remove_file(&log)?;
    result
}

fn finish(command: &mut Command, log: &Path) -> Result<(), Failed> {
    let mut child = command.spawn()?;
    let deadline = Instant::now() + TIMEOUT;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status.to_string();
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            break "it hangs".into();
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    if status == "exit status: 0" { Ok(()) } else { Err(format!("{status}\n{}", fs::read_to_string(log)?).into()) }
}
