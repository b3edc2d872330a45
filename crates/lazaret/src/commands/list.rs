//! `list` and `state`: what there is, in runc's formats.

use std::fmt::Write;

use lazaret_sandbox::{Config, Registry, Sandbox, State, Status};
use serde_json::{Value, json};

use super::print;
use crate::{
    options::{List, ListFormat},
    report::{CommandError, timestamp},
};

/// A container's state with the names that `runc state` uses.
fn describe(state: &State) -> Value {
    let status = state.status();
    json!({
        "ociVersion": state.oci_version,
        "id": state.id,
        "pid": shown_pid(state, status),
        "status": status.name(),
        "bundle": state.bundle,
        "rootfs": state.rootfs,
        "created": timestamp(state.created),
        "owner": state.owner,
        "annotations": state.annotations,
    })
}

fn shown_pid(state: &State, status: Status) -> i32 {
    if status == Status::Stopped { 0 } else { state.pid }
}

/// Prints the state of one container.
pub fn state(config: &Config, id: &str) -> Result<(), CommandError> {
    let sandbox = Sandbox::load(config, id)?;
    print(format!("{:#}\n", describe(sandbox.state())).as_bytes())
}

/// Prints all containers.
pub fn list(config: &Config, args: &List) -> Result<(), CommandError> {
    let states = Registry::open(&config.root)?.list()?;
    if args.quiet {
        let ids: String = states.iter().map(|state| format!("{}\n", state.id)).collect();
        return print(ids.as_bytes());
    }
    match args.format {
        ListFormat::Json => {
            let all: Vec<Value> = states.iter().map(describe).collect();
            print(format!("{}\n", Value::from(all)).as_bytes())
        }
        ListFormat::Table => print(table(&states).as_bytes()),
    }
}

fn table(states: &[State]) -> String {
    let mut rows = vec![["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"].map(String::from)];
    rows.extend(states.iter().map(|state| {
        let status = state.status();
        [
            state.id.clone(),
            shown_pid(state, status).to_string(),
            status.name().into(),
            state.bundle.display().to_string(),
            timestamp(state.created),
            state.owner.clone(),
        ]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let mut table = String::new();
    for row in &rows {
        let line: String = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}   ")).collect();
        // Writing to a String does not fail.
        let _ = writeln!(table, "{}", line.trim_end());
    }
    table
}
