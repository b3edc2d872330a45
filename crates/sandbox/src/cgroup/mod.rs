//! The host's cgroups: where a sandbox is counted and limited; see cgroups(7).
//!
//! All processes of a sandbox are in one cgroup, or in one of each hierarchy of version 1. Version 2
//! is used where it is mounted alone; a hybrid host has most of its controllers in version 1.

mod layout;
mod limits;
mod stats;
mod systemd;
mod view;

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    time::Duration,
};

use lazaret_control::Failure;
use rustix::process::Pid;
use serde::{Deserialize, Serialize};

pub use stats::{DeviceStats, MemoryStats, Stats, Throttling};
pub use view::View;

use crate::spec::{Linux, Memory, Resources};
use layout::Layout;
use limits::{LIMITING, Setting};
use systemd::Scope;

/// Name of the only hierarchy of version 2.
const UNIFIED: &str = "unified";

/// Controllers of version 1 that a sandbox is counted by, whether it is limited or not. Programs look for their limits
/// in the files of all of these.
const COUNTING: [&str; 6] = ["blkio", "cpu", "cpuacct", "cpuset", "memory", "pids"];

/// How often the removal of a cgroup is tried, and the time between: processes leave it some time after
/// their death is known.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(5);

/// A cgroup of a sandbox.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cgroup {
    /// Its directory in each hierarchy, by controller; one named `unified` in version 2.
    directories: BTreeMap<String, PathBuf>,
    /// The scope of systemd that it belongs to. Its directories are known when the scope has been started.
    scope: Option<Scope>,
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
    pub fn plan(id: &str, linux: &Linux, by_systemd: bool) -> Result<Option<Cgroup>, Failure> {
        let resources = linux.resources.clone().unwrap_or_default();
        let path = linux.cgroups_path.as_deref().filter(|path| !path.is_empty());
        if by_systemd {
            return Ok(Some(Cgroup { scope: Some(Scope::plan(path, id)?), ..Cgroup::default() }));
        }
        if path.is_none() && !resources.is_limited() {
            return Ok(None);
        }
        Cgroup::find(&Layout::of_host()?, path, id, &resources).map(Some)
    }

    /// systemd makes it, for a first process.
    pub fn needs_process(&self) -> bool {
        self.scope.is_some()
    }

    /// Makes the cgroup and sets its limits; systemd does that when a process enters. Returns whether there is one: a user who may make none does
    /// without unless limits depend on it, as under runc.
    ///
    /// # Errors
    /// Names the file or directory. Then nothing is left.
    pub fn make(&self, resources: &Resources) -> Result<bool, Failure> {
        if self.scope.is_some() {
            return Ok(true);
        }
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
        // On a hybrid host version 2 is for the few controllers that version 1 is mounted without.
        let is_alone = layout.hierarchies.iter().all(|hierarchy| hierarchy.is_unified);
        for hierarchy in &layout.hierarchies {
            let wanted = |name: &&String| COUNTING.contains(&name.as_str()) || resources.concerns(name);
            let directory = hierarchy.directory(path, id);
            if !hierarchy.is_unified {
                let wanted = hierarchy.controllers.iter().filter(wanted);
                directories.extend(wanted.map(|name| (name.clone(), directory.clone())));
            } else if is_alone || hierarchy.controllers.iter().any(|name| resources.concerns(name)) {
                directories.insert(UNIFIED.to_owned(), directory);
            }
        }
        if directories.is_empty() {
            return Err(wrong("the host has no cgroups"));
        }
        Ok(Cgroup { directories, scope: None })
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
    /// Names the field and the file, or has systemd's words.
    pub fn limit(&self, resources: &Resources) -> Result<(), Failure> {
        if let Some(scope) = &self.scope {
            scope.limit(resources, self.is_unified())?;
        }
        self.write_limits(resources)
    }

    /// Version 2 does all the counting.
    fn is_unified(&self) -> bool {
        self.directories.keys().all(|name| name == UNIFIED)
    }

    fn write_limits(&self, resources: &Resources) -> Result<(), Failure> {
        for controller in LIMITING {
            let legacy = self.directories.get(controller);
            let directory = legacy.or(self.directories.get(UNIFIED));
            let has = |name: &str| directory.is_some_and(|directory| directory.join(name).exists());
            let target = limits::Target { is_unified: legacy.is_none() && directory.is_some(), has: &has };
            let settings = limits::settings(controller, resources, target)?;
            match (directory, settings.first()) {
                (_, None) => {}
                (Some(directory), Some(_)) => {
                    if target.is_unified && controller == "memory" {
                        check_use(directory, resources)?;
                    }
                    set(directory, settings)?;
                }
                (None, Some(setting)) => {
                    let cause = format!("the container has no {controller} cgroup");
                    return Err(Failure::new(&setting.field, cause));
                }
            }
        }
        let by_name = limits::by_name(resources);
        match (self.directories.get(UNIFIED), by_name.first()) {
            (_, None) => Ok(()),
            (Some(directory), _) => set(directory, by_name),
            (None, Some(setting)) => Err(Failure::new(&setting.field, "the host's cgroups are of version 1")),
        }
    }

    /// Its directory in each hierarchy, by controller; one named `unified` in version 2.
    pub fn directories(&self) -> &BTreeMap<String, PathBuf> {
        &self.directories
    }

    /// The directory in version 2, in which a process can be born.
    ///
    /// # Errors
    /// Names the directory.
    pub fn birthplace(&self) -> Result<Option<OwnedFd>, Failure> {
        let Some(directory) = self.directories.get(UNIFIED) else { return Ok(None) };
        fs::File::open(directory).map(|opened| Some(opened.into())).map_err(failure("open", directory))
    }

    /// Moves a process into the cgroup that was not born there, or has systemd make it with that process in it.
    ///
    /// # Errors
    /// Names the file, or has systemd's words.
    pub fn enter(&mut self, pid: Pid, resources: &Resources) -> Result<(), Failure> {
        if let Some(scope) = &self.scope {
            let layout = Layout::of_host()?;
            let is_unified = layout.hierarchies.iter().all(|hierarchy| hierarchy.is_unified);
            let path = scope.start(pid, resources, is_unified)?;
            self.directories = Cgroup::find(&layout, Some(&path), "", resources)?.directories;
            // systemd makes those of version 1 that it has a use for.
            self.make_directories()?;
            self.write_limits(resources)?;
        }
        self.add(pid)
    }

    /// Moves a process that was born in the cgroup into its hierarchies of version 1.
    ///
    /// # Errors
    /// Names the file.
    pub fn add(&self, pid: Pid) -> Result<(), Failure> {
        self.move_to(pid, false)
    }

    /// Moves a process into the cgroup, wherever it was born.
    ///
    /// # Errors
    /// Names the file.
    pub fn adopt(&self, pid: Pid) -> Result<(), Failure> {
        self.move_to(pid, true)
    }

    fn move_to(&self, pid: Pid, unified: bool) -> Result<(), Failure> {
        let born_there = self.directories.get(UNIFIED).filter(|_| !unified);
        for directory in self.distinct().filter(|directory| born_there != Some(directory)) {
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

    /// The processors that may be used in it, as `0-2,4`.
    pub fn processors(&self) -> Option<String> {
        let files = [("cpuset", "cpuset.effective_cpus"), (UNIFIED, "cpuset.cpus.effective")];
        let path = |(controller, file)| Some(self.directories.get(controller)?.join(file));
        files.into_iter().find_map(path).and_then(|path| fs::read_to_string(path).ok())
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
    /// Names the directory, or has systemd's words.
    pub fn remove(&self) -> Result<(), Failure> {
        self.scope.as_ref().map_or(Ok(()), Scope::stop)?;
        self.distinct().try_for_each(|directory| remove_tree(directory).map_err(failure("remove cgroup", directory)))
    }

    /// Controllers that are mounted together share a directory.
    fn distinct(&self) -> impl Iterator<Item = &PathBuf> {
        let mut seen = std::collections::BTreeSet::new();
        self.directories.values().filter(move |directory| seen.insert(*directory))
    }
}

/// Writes files. Limits that depend on each other may be refused in one order: then the other is tried.
fn set(directory: &Path, settings: Vec<Setting>) -> Result<(), Failure> {
    let write = |setting: &Setting| {
        let file = fs::OpenOptions::new().write(true).open(directory.join(&setting.file));
        file.and_then(|mut file| file.write_all(setting.value.as_bytes()))
    };
    let (_, late): (Vec<_>, Vec<_>) = settings.into_iter().partition(|setting| write(setting).is_ok());
    late.iter().try_for_each(|setting| {
        let step = format!("{}: write {} to", setting.field, setting.value);
        write(setting).map_err(failure(&step, &directory.join(&setting.file)))
    })
}

/// Refuses a limit of memory that kills at once, if that was asked for. Version 1 refuses it by itself.
fn check_use(directory: &Path, resources: &Resources) -> Result<(), Failure> {
    let Some(Memory { limit: Some(limit), check_before_update: Some(true), .. }) = resources.memory else {
        return Ok(());
    };
    let used = fs::read_to_string(directory.join("memory.current")).ok().and_then(|text| text.trim().parse().ok());
    match used {
        Some(used) if limit > 0 && limit < used => {
            Err(Failure::new("linux.resources.memory.limit", format!("{limit} is less than what is used, {used}")))
        }
        _ => Ok(()),
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
