//! Many containers: what one more costs, and what they take while they do nothing.
//!
//! The pod of a runtime that knows none is one container whose namespaces the others share.

use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{
    Peer, Setup,
    container::{REST, descendants, kill_descendants, pss, ticks},
};
use crate::command::kill_group;

/// How many rest side by side.
const MANY: usize = 100;

/// How long one command may take.
const LIMIT: Duration = Duration::from_secs(20);

/// How long processor time is counted.
const TIME: Duration = Duration::from_secs(3);

/// The first container of a pod, and those that have joined it; or containers of their own. They end with this.
struct Crowd<'a> {
    setup: &'a Setup,
    peer: Peer,
    is_pod: bool,
    ids: Vec<String>,
}

impl<'a> Crowd<'a> {
    fn new(setup: &'a Setup, peer: Peer, is_pod: bool) -> Result<Self> {
        // Orphans of detached containers become children of this process, so that it can find them.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        let mut crowd = Crowd { setup, peer, is_pod, ids: Vec::new() };
        if is_pod {
            let bundle = crowd.bundle()?;
            let id = crowd.next();
            crowd.tell(&["run", "--detach", "--bundle", &bundle.to_string_lossy(), &id])?;
        }
        Ok(crowd)
    }

    fn next(&mut self) -> String {
        let id = format!("bench-crowd-{}-{}", std::process::id(), self.ids.len());
        self.ids.push(id.clone());
        id
    }

    /// A bundle for the next one.
    fn bundle(&self) -> Result<PathBuf> {
        let bundle = self.setup.bundle(self.peer, REST)?;
        if self.is_pod {
            let file = bundle.join("config.json");
            let mut spec: Value = serde_json::from_str(&fs::read_to_string(&file)?)?;
            match self.ids.first() {
                None => spec["annotations"] = json!({ "io.kubernetes.cri.container-type": "sandbox" }),
                Some(first) => {
                    let state = self.setup.runtime(self.peer).args(["state", first]).output()?;
                    let state: Value = serde_json::from_str(&state)?;
                    let pid = state["pid"].as_i64().context("no pid in the state")?;
                    let shared =
                        |kind: &str, file: &str| json!({ "type": kind, "path": format!("/proc/{pid}/ns/{file}") });
                    spec["annotations"] = json!({ "io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.sandbox-id": first });
                    spec["linux"]["namespaces"] = json!([{ "type": "pid" }, { "type": "mount" }, shared("network", "net"), shared("ipc", "ipc"), shared("uts", "uts")]);
                    // It is the first one's.
                    spec.as_object_mut().context("no object")?.remove("hostname");
                }
            }
            fs::write(&file, spec.to_string())?;
        }
        Ok(bundle)
    }

    /// Runs a command of the runtime.
    fn tell(&self, arguments: &[&str]) -> Result<()> {
        // Not by pipes: the container would keep them open.
        let mut child = self.setup.runtime(self.peer).args(arguments).spawn()?;
        let deadline = Instant::now() + LIMIT;
        // Waiting is measured too, so that nobody sleeps here before it takes long.
        let mut pause = Duration::from_micros(50);
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if Instant::now() > deadline {
                kill_group(&mut child);
                bail!("{arguments:?} of {} takes more than {LIMIT:?}", self.peer);
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_micros(200));
        };
        if !status.success() {
            bail!("{arguments:?} of {}: {status}", self.peer);
        }
        Ok(())
    }

    /// As many as are wanted, at rest.
    fn fill(&mut self) -> Result<()> {
        let bundle = self.bundle()?;
        while self.ids.len() < MANY {
            let id = self.next();
            self.tell(&["run", "--detach", "--bundle", &bundle.to_string_lossy(), &id])?;
        }
        thread::sleep(Duration::from_secs(2));
        Ok(())
    }
}

impl Drop for Crowd<'_> {
    fn drop(&mut self) {
        for id in self.ids.iter().rev() {
            let _ = self.setup.runtime(self.peer).args(["delete", "--force", id]).output();
        }
        kill_descendants();
    }
}

/// The two commands that add a container to a pod that runs.
pub fn added(setup: &Setup, peer: Peer) -> Result<f64> {
    let mut crowd = Crowd::new(setup, peer, true)?;
    let bundle = crowd.bundle()?;
    let id = crowd.next();
    let start = Instant::now();
    crowd.tell(&["create", "--bundle", &bundle.to_string_lossy(), &id])?;
    crowd.tell(&["start", &id])?;
    Ok(start.elapsed().as_secs_f64())
}

fn memory(setup: &Setup, peer: Peer, is_pod: bool) -> Result<f64> {
    let mut crowd = Crowd::new(setup, peer, is_pod)?;
    crowd.fill()?;
    let sizes: Result<Vec<u64>> = descendants(std::process::id())?.into_iter().map(pss).collect();
    Ok(sizes?.into_iter().sum::<u64>() as f64 / 1024.0 / MANY as f64)
}

fn processor(setup: &Setup, peer: Peer, is_pod: bool) -> Result<f64> {
    let mut crowd = Crowd::new(setup, peer, is_pod)?;
    crowd.fill()?;
    let used = || -> Result<u64> { descendants(std::process::id())?.into_iter().map(ticks).sum() };
    let before = used()?;
    thread::sleep(TIME);
    Ok(used()?.saturating_sub(before) as f64 / TIME.as_secs_f64())
}

/// Memory of each of many containers of a pod.
pub fn memory_of_members(setup: &Setup, peer: Peer) -> Result<f64> {
    memory(setup, peer, true)
}

/// Memory of each of many containers of their own.
pub fn memory_of_sandboxes(setup: &Setup, peer: Peer) -> Result<f64> {
    memory(setup, peer, false)
}

/// Processor time of many containers of a pod, all together.
pub fn processor_of_members(setup: &Setup, peer: Peer) -> Result<f64> {
    processor(setup, peer, true)
}

/// The same of containers of their own.
pub fn processor_of_sandboxes(setup: &Setup, peer: Peer) -> Result<f64> {
    processor(setup, peer, false)
}
