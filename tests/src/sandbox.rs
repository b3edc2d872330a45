//! The command that runs a case: on the host, or in a sandbox.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, io};

/// Where programs are looked for, on both sides.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs the arguments after it as the second process and ends with its status: the first process of a sandbox is its
/// init, which signals without a handler do not reach (`pid_namespaces(7)`).
const NOT_FIRST: [&str; 4] = ["/bin/sh", "-c", "\"$@\"; exit $?", "sh"];

/// Where a case runs.
#[derive(Clone, Debug)]
pub enum Side {
    /// On this machine's Linux.
    Host,
    /// With `lazaret do`, over this machine's root.
    Inside(PathBuf),
}

impl Side {
    /// The side under test: the program that `LAZARET` names, or the newest one of this workspace.
    /// `LAZARET=host` runs both sides on the host, which shows cases that are not deterministic.
    ///
    /// # Errors
    /// There is no such program.
    pub fn under_test() -> io::Result<Self> {
        match env::var_os("LAZARET") {
            Some(value) if value == "host" => Ok(Self::Host),
            Some(value) => Ok(Self::Inside(std::path::absolute(value)?)),
            None => newest_build().map(Self::Inside).ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::NotFound,
                    "no lazaret program: run cargo build, or set LAZARET to its path",
                )
            }),
        }
    }

    /// The command that runs `argv` in `folder` with the same environment on both sides.
    ///
    /// In a sandbox, writes below `folder` stay in the sandbox's overlay.
    /// The sandbox is made with `flags`; `LAZARET_FLAGS` adds global flags, as `--debug`, to the one under test.
    pub fn command(&self, flags: &[String], argv: &[OsString], folder: &Path) -> Command {
        let variables = [("PATH", PATH), ("LANG", "C.UTF-8"), ("TZ", "UTC")];
        let mut command = match self {
            Self::Host => {
                let mut command = Command::new("/usr/bin/env");
                command.arg("--");
                command
            }
            Self::Inside(lazaret) => {
                let mut command = Command::new(lazaret);
                if let Ok(flags) = env::var("LAZARET_FLAGS") {
                    command.args(flags.split_whitespace());
                }
                command.args(flags).arg("do").arg("--cwd").arg(folder);
                command.arg("--env").arg(home(folder));
                for (name, value) in variables {
                    command.arg("--env").arg(format!("{name}={value}"));
                }
                command.arg("--");
                command
            }
        };
        command.args(NOT_FIRST).args(argv).current_dir(folder).env_clear().envs(variables).env("HOME", folder);
        command
    }
}

fn home(folder: &Path) -> OsString {
    let mut variable = OsString::from("HOME=");
    variable.push(folder);
    variable
}

/// The newest `target/{release,debug}/lazaret`.
fn newest_build() -> Option<PathBuf> {
    let target = target_folder();
    ["release", "debug"]
        .iter()
        .map(|profile| target.join(profile).join("lazaret"))
        .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)))
        .max()
        .map(|(_, path)| path)
}

/// The workspace's target folder.
pub fn target_folder() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target"),
    }
}

/// Whether `program` is an executable file in [`PATH`].
pub fn has_tool(program: &str) -> bool {
    use std::os::unix::fs::PermissionsExt;
    PATH.split(':').any(|folder| {
        Path::new(folder)
            .join(program)
            .metadata()
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    })
}
