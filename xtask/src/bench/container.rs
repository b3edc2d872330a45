//! Measures of a container as a whole: start, memory at rest, processor time at rest, exec; and of many.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    process::Child,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{Peer, Setup, crowd, work::Unit};
use crate::command::kill_group;

/// A row of the table.
pub struct Measure {
    /// The row's name.
    pub name: &'static str,
    /// What is reported.
    pub unit: Unit,
    /// What Lazaret wants to reach.
    pub target: &'static str,
    /// How often it is measured.
    pub rounds: usize,
    /// Measures once.
    pub run: fn(&Setup, Peer) -> Result<f64>,
}

/// The table's rows.
pub const MEASURES: &[Measure] = &[
    Measure {
        name: "cold start and exit of true",
        unit: Unit::Seconds,
        target: "<= 10 ms, <= 0.25x",
        rounds: 20,
        run: cold_start,
    },
    Measure { name: "create, start, delete", unit: Unit::Seconds, target: "<= 0.5x", rounds: 20, run: life_cycle },
    Measure { name: "memory at rest (PSS)", unit: Unit::MiB, target: "<= 4 MiB", rounds: 3, run: memory },
    Measure { name: "processor at rest", unit: Unit::Percent, target: "0", rounds: 2, run: processor },
    Measure { name: "exec of true", unit: Unit::Seconds, target: "<= 8 ms", rounds: 10, run: exec },
    Measure {
        name: "a container added to a pod",
        unit: Unit::Seconds,
        target: "<= 5 ms",
        rounds: 20,
        run: crowd::added,
    },
    Measure {
        name: "memory of one of 100 in a pod",
        unit: Unit::MiB,
        target: "",
        rounds: 1,
        run: crowd::memory_of_members,
    },
    Measure {
        name: "processor for 100 in a pod",
        unit: Unit::Percent,
        target: "0",
        rounds: 1,
        run: crowd::processor_of_members,
    },
    Measure {
        name: "memory of one of 100 sandboxes",
        unit: Unit::MiB,
        target: "",
        rounds: 1,
        run: crowd::memory_of_sandboxes,
    },
    Measure {
        name: "processor for 100 sandboxes",
        unit: Unit::Percent,
        target: "0",
        rounds: 1,
        run: crowd::processor_of_sandboxes,
    },
];

/// The shell that only waits: all of the containers at rest run it.
pub const REST: &[&str] = &["/bin/busybox", "sleep", "600"];

fn cold_start(setup: &Setup, peer: Peer) -> Result<f64> {
    let start = Instant::now();
    setup.run(peer, &["/bin/busybox", "true"])?;
    Ok(start.elapsed().as_secs_f64())
}

/// The three commands that a client makes, one after the other.
fn life_cycle(setup: &Setup, peer: Peer) -> Result<f64> {
    let bundle = setup.bundle(peer, REST)?;
    let id = format!("bench-life-{}", std::process::id());
    let bundle = bundle.to_string_lossy();
    let start = Instant::now();
    for arguments in [&["create", "--bundle", &bundle, &id][..], &["start", &id], &["delete", "--force", &id]] {
        // Not by pipes: the container would keep them open.
        let status = setup.runtime(peer).args(arguments).spawn()?.wait()?;
        if !status.success() {
            bail!("{arguments:?} of {peer:?}: {status}");
        }
    }
    Ok(start.elapsed().as_secs_f64())
}

fn memory(setup: &Setup, peer: Peer) -> Result<f64> {
    let resting = Resting::start(setup, peer)?;
    let pages: Result<Vec<u64>> = resting.processes()?.into_iter().map(pss).collect();
    Ok(pages?.into_iter().sum::<u64>() as f64 / 1024.0)
}

fn processor(setup: &Setup, peer: Peer) -> Result<f64> {
    const TIME: Duration = Duration::from_secs(3);
    let resting = Resting::start(setup, peer)?;
    let used = || -> Result<u64> { resting.processes()?.into_iter().map(ticks).sum() };
    let before = used()?;
    thread::sleep(TIME);
    // The kernel counts in 100ths of a second (USER_HZ).
    Ok(used()?.saturating_sub(before) as f64 / TIME.as_secs_f64())
}

fn exec(setup: &Setup, peer: Peer) -> Result<f64> {
    let resting = Resting::start(setup, peer)?;
    let start = Instant::now();
    setup.runtime(peer).args(["exec", &resting.id, "/bin/busybox", "true"]).output()?;
    Ok(start.elapsed().as_secs_f64())
}

/// A container whose only program sleeps; ends when dropped.
struct Resting<'a> {
    setup: &'a Setup,
    peer: Peer,
    id: String,
    /// The command line's process, for runtimes that keep one.
    client: Option<Child>,
}

impl<'a> Resting<'a> {
    fn start(setup: &'a Setup, peer: Peer) -> Result<Self> {
        // Orphans of a detached container become children of this process, so that it can find them.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        let bundle = setup.bundle(peer, REST)?;
        let id = format!("bench-rest-{}", std::process::id());
        let mut resting = Self { setup, peer, id, client: None };
        resting.client = Some(resting.launch(&bundle)?);
        let deadline = Instant::now() + Duration::from_secs(10);
        while !resting.processes()?.iter().any(|pid| resting_program(*pid)) && peer == Peer::Runc {
            if Instant::now() > deadline {
                bail!("the container does not start");
            }
            thread::sleep(Duration::from_millis(20));
        }
        // Others hide the program; start-up work is over after this.
        thread::sleep(Duration::from_secs(1));
        Ok(resting)
    }

    /// Starts the container detached, so that only what must stay stays.
    fn launch(&self, bundle: &Path) -> Result<Child> {
        let run = self.setup.runtime(self.peer).args(["run", "--detach", "--bundle"]).arg(bundle).arg(&self.id);
        run.spawn()
    }

    /// All processes that the container has brought to the host.
    fn processes(&self) -> Result<Vec<u32>> {
        descendants(std::process::id())
    }
}

impl Drop for Resting<'_> {
    fn drop(&mut self) {
        let _ = self.setup.runtime(self.peer).args(["kill", &self.id, "KILL"]).output();
        if let Some(mut client) = self.client.take() {
            kill_group(&mut client);
        }
        let _ = self.setup.runtime(self.peer).args(["delete", "--force", &self.id]).output();
        kill_descendants();
    }
}

/// Ends what is left of containers: it belongs to this process now.
pub fn kill_descendants() {
    for pid in descendants(std::process::id()).unwrap_or_default() {
        if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
    while let Ok(Some(_)) = rustix::process::wait(rustix::process::WaitOptions::empty()) {}
}

fn resting_program(pid: u32) -> bool {
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(b"/bin/busybox\0sleep"))
}

/// All processes below `root`.
pub fn descendants(root: u32) -> Result<Vec<u32>> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // A process may end meanwhile.
        if let Some(parent) = stat_fields(pid).and_then(|fields| fields.get(1)?.parse().ok()) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(pid) = open.pop() {
        let below = children.remove(&pid).unwrap_or_default();
        found.extend(&below);
        open.extend(below);
    }
    Ok(found)
}

/// The fields of /proc/PID/stat after the name: state, parent, ...; see proc(5).
fn stat_fields(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

/// User and system time of a process, in ticks.
pub fn ticks(pid: u32) -> Result<u64> {
    let Some(fields) = stat_fields(pid) else { return Ok(0) };
    let field = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok()).context("short stat");
    Ok(field(11)? + field(12)?)
}

/// Proportional set size in KiB; zero for a process that has ended.
pub fn pss(pid: u32) -> Result<u64> {
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else { return Ok(0) };
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    number.context("no Pss in smaps_rollup")?.parse().context("Pss is no number")
}
