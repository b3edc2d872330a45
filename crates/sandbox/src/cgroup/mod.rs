//! The host's cgroups: where a sandbox is counted and limited; see cgroups(7).
//!
//! All processes of a sandbox are in one cgroup, or in one of each hierarchy of version 1. Version 2
//! is used where it is mounted alone; a hybrid host has its controllers in version 1.

mod layout;
mod limits;
mod stats;
mod view;

use std::{
    collections::BTreeMap,
    fs, io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    time::Duration,
};

use lazaret_control::Failure;
use rustix::process::Pid;
use serde::{Deserialize, Serialize};

pub use stats::{DeviceStats, MemoryStats, Stats, Throttling};
pub use view::View;

use crate::spec::{Linux, Resources};
use layout::Layout;

/// Name of the only hierarchy of version 2.
const UNIFIED: &str = "unified";

/// Controllers that a sandbox is counted by, whether it is limited or not. Programs look for their limits in the
/// files of all of these.
const COUNTING: [&str; 6] = ["blkio", "cpu", "cpuacct", "cpuset", "memory", "pids"];

/// How often the removal of a cgroup is tried, and the time between: processes leave it some time after
/// their death is known.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(5);

/// A cgroup of a sandbox.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cgroup {
    /// Its directory in each hierarchy, by controller; one named `unified` in version 2.
    directories: BTreeMap<String, PathBuf>,
}

fn failure(step: &str, path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let step = format!("{step} {}", path.display());
    move |error| Failure::host(step, error)
}

impl Cgroup {
    /// The cgroup that a specification asks for, which does not need to exist; `None` if it asks for none.
    ///
    /// # Errors
    /// What is wrong with the path, or with the host.
    pub fn plan(id: &str, linux: &Linux) -> Result<Option<Cgroup>, Failure> {
        let resources = linux.resources.clone().unwrap_or_default();
        let path = linux.cgroups_path.as_deref().filter(|path| !path.is_empty());
        if path.is_none() && !resources.is_limited() {
            return Ok(None);
        }
        Cgroup::find(&Layout::of_host()?, path, id, &resources).map(Some)
    }

    /// Makes the cgroup and sets its limits. Returns whether there is one: a user who may make none does
    /// without unless limits depend on it, as under runc.
    ///
    /// # Errors
    /// Names the file or directory. Then nothing is left.
    pub fn make(&self, resources: &Resources) -> Result<bool, Failure> {
        let Err(failure) = self.make_directories().and_then(|()| self.limit(resources)) else { return Ok(true) };
        let _ = self.remove();
        let refused = [libc::EACCES, libc::EPERM, libc::EROFS].map(Some).contains(&failure.errno);
        if refused && !resources.needs_cgroup() && !rustix::process::geteuid().is_root() {
            return Ok(false);
        }
        Err(failure)
    }

    /// Where the cgroup is, in the hierarchies that it needs.
    fn find(layout: &Layout, path: Option<&str>, id: &str, resources: &Resources) -> Result<Cgroup, Failure> {
        let wrong = |problem| Failure::new("linux.cgroupsPath", problem);
        if path.is_some_and(|path| Path::new(path).components().any(|part| part.as_os_str() == "..")) {
            return Err(wrong("leads upwards"));
        }
        let mut directories = BTreeMap::new();
        for hierarchy in &layout.hierarchies {
            let directory = hierarchy.directory(path, id);
            if hierarchy.is_unified {
                directories.insert(UNIFIED.to_owned(), directory);
                continue;
            }
            for controller in &hierarchy.controllers {
                if COUNTING.contains(&controller.as_str()) || resources.concerns(controller) {
                    directories.insert(controller.clone(), directory.clone());
                }
            }
        }
        if directories.is_empty() {
            return Err(wrong("the host has no cgroups"));
        }
        Ok(Cgroup { directories })
    }

    fn make_directories(&self) -> Result<(), Failure> {
        for (controller, directory) in &self.directories {
            fs::create_dir_all(directory).map_err(failure("make cgroup", directory))?;
            match controller.as_str() {
                "cpuset" => layout::inherit_cpuset(directory)?,
                UNIFIED => layout::enable_controllers(directory),
                _ => {}
            }
        }
        Ok(())
    }

    /// Sets limits; what is not named stays as it is.
    ///
    /// # Errors
    /// Names the file.
    pub fn limit(&self, resources: &Resources) -> Result<(), Failure> {
        for (controller, directory) in &self.directories {
            let settings = if controller == UNIFIED {
                limits::unified(resources)
            } else {
                limits::controller(controller, resources)
            };
            // Limits that depend on each other may be refused in one order: then the other is tried.
            let set = |(name, value): &(String, String)| fs::write(directory.join(name), value);
            let (_, late): (Vec<_>, Vec<_>) = settings.into_iter().partition(|setting| set(setting).is_ok());
            for setting in late {
                let step = format!("write {} to", setting.1);
                set(&setting).map_err(failure(&step, &directory.join(&setting.0)))?;
            }
        }
        Ok(())
    }

    /// Moves a process into the cgroup.
    ///
    /// # Errors
    /// Names the file.
    pub fn add(&self, pid: Pid) -> Result<(), Failure> {
        for directory in self.distinct() {
            let path = directory.join("cgroup.procs");
            fs::write(&path, pid.as_raw_nonzero().to_string()).map_err(failure("move the sandbox to", &path))?;
        }
        Ok(())
    }

    /// The processes in the cgroup, by the host's ids.
    ///
    /// # Errors
    /// Names the file.
    pub fn processes(&self) -> Result<Vec<i32>, Failure> {
        let Some(directory) = self.distinct().next() else { return Ok(Vec::new()) };
        let path = directory.join("cgroup.procs");
        let text = fs::read_to_string(&path).map_err(failure("read", &path))?;
        Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
    }

    /// What the container sees of it; `files` if there is a place for them.
    pub fn view(&self, files: bool) -> (View, Vec<OwnedFd>) {
        View::open(&self.directories, files)
    }

    /// What the host has counted.
    pub fn stats(&self) -> Stats {
        stats::read(&self.directories)
    }

    /// How many processes the host has killed because of the memory limit, if it counts them.
    pub fn oom_kills(&self) -> Option<u64> {
        stats::oom_kills(&self.directories)
    }

    /// Removes the cgroup with those below it, whose processes must have ended. One that is gone already
    /// is no error.
    ///
    /// # Errors
    /// Names the directory.
    pub fn remove(&self) -> Result<(), Failure> {
        self.distinct().try_for_each(|directory| remove_tree(directory).map_err(failure("remove cgroup", directory)))
    }

    /// Controllers that are mounted together share a directory.
    fn distinct(&self) -> impl Iterator<Item = &PathBuf> {
        let mut seen = std::collections::BTreeSet::new();
        self.directories.values().filter(move |directory| seen.insert(*directory))
    }
}

fn remove_tree(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path())?;
        }
    }
    for _ in 1..TRIES {
        match fs::remove_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => std::thread::sleep(PAUSE),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            result => return result,
        }
    }
    fs::remove_dir(directory)
}
