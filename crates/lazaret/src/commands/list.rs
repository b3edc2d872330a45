//! `list` and `state`: what there is, in runc's formats.

use lazaret_sandbox::{Config, Container, Registry, State, Status};
use serde_json::{Value, json};

use super::{print, print_json, table::table as columns};
use crate::{
    options::{List, ListFormat},
    report::{CommandError, timestamp},
};

/// A container's state with the names that `runc state` uses.
fn describe(state: &State, status: Status) -> Value {
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
    if status == Status::Stopped { 0 } else { state.host_pid() }
}

/// Prints the state of one container.
pub fn state(config: &Config, id: &str) -> Result<(), CommandError> {
    let container = Container::load(config, id)?;
    print_json(&format!("{:#}", describe(container.state(), container.status())))
}

/// Prints all containers.
pub fn list(config: &Config, args: &List) -> Result<(), CommandError> {
    let known = Registry::open(&config.root)?.list()?;
    if args.quiet {
        let ids: String = known.iter().map(|state| format!("{}\n", state.id)).collect();
        return print(ids.as_bytes());
    }
    // One that is removed meanwhile is not there.
    let load = |state: State| Container::load(config, &state.id).map(|container| (container.status(), state)).ok();
    let states: Vec<(Status, State)> = known.into_iter().filter_map(load).collect();
    match args.format {
        ListFormat::Json => {
            let all: Vec<Value> = states.iter().map(|(status, state)| describe(state, *status)).collect();
            print_json(&Value::from(all).to_string())
        }
        ListFormat::Table => print(table(&states).as_bytes()),
    }
}

fn table(states: &[(Status, State)]) -> String {
    let mut rows = vec![["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"].map(String::from)];
    rows.extend(states.iter().map(|(status, state)| {
        [
            state.id.clone(),
            shown_pid(state, *status).to_string(),
            status.name().into(),
            state.bundle.display().to_string(),
            timestamp(state.created),
            state.owner.clone(),
        ]
    }));
    columns(&rows)
}
