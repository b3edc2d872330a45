//! `startContainer` hooks: programs of the container's, run in it before its first process does.

use std::{os::unix::ffi::OsStrExt, sync::Arc, time::Duration};

use lazaret_abi::errno::Errno;
use lazaret_control::Failure;
use lazaret_kernel::boot::{Container, ExitStatus, ProcessSpec, Stdio, Targets};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::container::start_failure;
use crate::{
    hooks::{Streams, each, too_late, words},
    spec::{Hook, Process},
};

/// What runs before the first process of a container.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct StartHooks {
    /// In this order.
    pub hooks: Vec<Hook>,
    /// The state that they read.
    pub state: Value,
    /// The first process, whose user, rights and directory they have.
    pub process: Process,
}

impl StartHooks {
    /// Starts the container's first process, after the hooks. It is there while they run, as the parent of all.
    ///
    /// # Errors
    /// What is wrong with the process, or the hook that failed.
    pub fn start(&self, container: &Arc<Container>, process: ProcessSpec) -> Result<i32, Failure> {
        let prepared = container.prepare(process).map_err(start_failure)?;
        match each("startContainer", &self.hooks, |hook| self.run(container, hook)) {
            Ok(()) => prepared.run().map_err(start_failure),
            Err(failure) => {
                prepared.abandon();
                Err(failure)
            }
        }
    }

    fn run(&self, container: &Arc<Container>, hook: &Hook) -> Result<(), String> {
        let streams = Streams::new(&self.state).map_err(words)?;
        let stdio = Stdio::Files(streams.for_hook().map_err(words)?);
        let path = hook.path.as_os_str().as_bytes();
        let mut process = self.process.clone();
        process.args = if hook.args.is_empty() { vec![hook.path.display().to_string()] } else { hook.args.clone() };
        if let Some(env) = &hook.env {
            process.env = env.clone();
        }
        let process = ProcessSpec { program: Some(path.to_vec()), ..process.for_kernel(stdio, Vec::new()) };
        let pid = container.execute(process).map_err(|error| {
            let cause = start_failure(error).cause;
            format!("fork/exec {}: {cause}", hook.path.display())
        })?;
        let timeout = hook.timeout.map(|seconds| Duration::from_secs(seconds.into()));
        match container.wait_for(pid, timeout) {
            Ok(ExitStatus::Exited(0)) => Ok(()),
            Ok(ExitStatus::Exited(code)) => Err(streams.failure(&format!("exit status {code}"))),
            Ok(ExitStatus::Signaled(signal, _)) => Err(streams.failure(&format!("signal {signal}"))),
            Err(Errno::ETIMEDOUT) => {
                // It may have ended by now.
                let _ = container.signal(Targets::Process(pid), libc::SIGKILL);
                Err(too_late(hook.timeout.unwrap_or_default()))
            }
            Err(error) => Err(error.to_string()),
        }
    }
}
