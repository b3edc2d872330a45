//! Network namespaces of a test.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use super::run;

/// What namespaces of tests are called, before the process and a number.
const PREFIX: &str = "lazaret-test";

/// Runs ip(8); whether it could.
pub fn ip(arguments: &str) -> bool {
    run(Command::new("ip").args(arguments.split(' '))).status.success()
}

/// A network namespace with a name, for as long as the test runs.
pub struct Netns {
    /// Its name.
    pub name: String,
}

impl Netns {
    /// A new one, with its loopback interface switched on. `None` where nobody can make one.
    pub fn new() -> Option<Netns> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        if !rustix::process::geteuid().is_root() {
            eprintln!("not tested: needs root");
            return None;
        }
        remove_leftovers();
        let name = format!("{PREFIX}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        if !ip(&format!("netns add {name}")) {
            eprintln!("not tested: this host makes no network namespaces");
            return None;
        }
        let made = Netns { name };
        assert!(made.ip("link set lo up"));
        Some(made)
    }

    /// Runs ip(8) there; whether it could.
    pub fn ip(&self, arguments: &str) -> bool {
        ip(&format!("-n {} {arguments}", self.name))
    }

    /// Its path.
    pub fn path(&self) -> PathBuf {
        PathBuf::from("/run/netns").join(&self.name)
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        ip(&format!("netns del {}", self.name));
    }
}

/// Removes the namespaces of tests that were killed.
fn remove_leftovers() {
    for entry in fs::read_dir("/run/netns").into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        let process = name.strip_prefix(PREFIX).and_then(|rest| rest.trim_start_matches('-').split('-').next());
        if process.is_some_and(|process| !PathBuf::from("/proc").join(process).exists()) {
            ip(&format!("netns del {name}"));
        }
    }
}
