//! `debug`: what a sandbox does, and what it logs.

use std::fmt::Write;

use lazaret_sandbox::{Activity, Config, Container, LogChange, LogLevel, Sandbox, Task, Thread, Trace};

use super::{print, print_json, ps};
use crate::{
    options::{Debug, Level},
    report::{CommandError, visible},
};

/// Does what is asked for, in the order of the flags' list.
pub fn run(config: &Config, args: &Debug) -> Result<(), CommandError> {
    let container = Container::load(config, &args.id)?;
    let sandbox = Sandbox::load(config, container.sandbox_id())?;
    let change = LogChange {
        level: args.log_level.map(level),
        trace: args.strace.as_deref().map(trace),
        packets: args.log_packets,
    };
    if change.level.is_some() || change.trace.is_some() || change.packets.is_some() {
        sandbox.change_logging(config, change)?;
    }
    if args.sandbox {
        let text = serde_json::to_string_pretty(&sandbox).map_err(CommandError::new)?;
        print_json(&text)?;
    }
    if args.ps {
        ps::print_processes(&container)?;
    }
    if args.stacks {
        print(describe(sandbox.id(), &sandbox.stacks()?).as_bytes())?;
    }
    Ok(())
}

fn level(level: Level) -> LogLevel {
    match level {
        Level::Warning => LogLevel::Warning,
        Level::Info => LogLevel::Info,
        Level::Debug => LogLevel::Debug,
    }
}

/// As runsc has it: `off`, `all`, or names with commas.
fn trace(text: &str) -> Trace {
    match text {
        "off" => Trace::Off,
        "all" | "" => Trace::All,
        names => Trace::Calls(names.split(',').map(str::to_owned).collect()),
    }
}

/// The tasks first, then the kernel's own threads.
fn describe(sandbox: &str, threads: &[Thread]) -> String {
    let (tasks, others): (Vec<_>, Vec<_>) = threads.iter().partition(|thread| thread.task.is_some());
    let mut text = format!(
        "Sandbox {}: {} tasks, {} other threads, with the host's numbers in the sandbox's pid namespace\n",
        visible(sandbox),
        tasks.len(),
        others.len()
    );
    for thread in tasks.into_iter().chain(others) {
        let task = thread.task.as_ref().map(describe_task).unwrap_or_default();
        // Writing to a String does not fail.
        let _ = write!(text, "\n{}{}", task, describe_thread(thread));
    }
    text
}

fn describe_task(task: &Task) -> String {
    let Task { container, pid, tid, name, .. } = task;
    let does = match (task.state, &task.sleep) {
        (Activity::Application, _) => "runs application code".into(),
        (Activity::Kernel, _) => "runs in the kernel".into(),
        (state, None) => visible(&format!("{state:?}")).to_lowercase(),
        (state, Some(sleep)) => {
            let seconds = std::time::Duration::from_millis(sleep.milliseconds).as_secs_f64();
            format!("{} for {seconds:.3} s at {}", format!("{state:?}").to_lowercase(), visible(&sleep.place))
        }
    };
    let mut text =
        format!("task {tid} {:?} of process {pid} in container {}: {does}\n", visible(name), visible(container));
    if let Some(call) = &task.call {
        let _ = writeln!(text, "    {}", visible(call));
    }
    if let Some(thread) = task.application_thread {
        let _ = writeln!(text, "    application code: host thread {thread}");
    }
    text
}

fn describe_thread(thread: &Thread) -> String {
    let indent = if thread.task.is_some() { "    kernel: host " } else { "" };
    let call = thread.host_call.as_deref().map(|call| format!(", in {}", visible(call))).unwrap_or_default();
    let state = thread.state.map(|state| format!(", state {}", visible(&state.to_string()))).unwrap_or_default();
    format!("{indent}thread {} {:?}{state}{call}\n", thread.id, visible(&thread.name))
}
