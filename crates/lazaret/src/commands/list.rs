//! `list` and `state`: what there is, in runc's formats.

use lazaret_sandbox::{Config, Container, Registry, State, Status};
use serde_json::{Value, json};

use super::{print, print_json, table::table as columns, user};
use crate::{
    options::{List, ListFormat},
    report::{CommandError, timestamp_nano},
};

/// A container's state with the names that `runc state` and `runc list` use.
fn describe(state: &State, status: Status, owner: &str) -> Value {
    let mut value = json!({
        "ociVersion": state.oci_version,
        "id": state.id,
        "pid": shown_pid(state, status),
        "status": status.name(),
        "bundle": state.bundle,
        "rootfs": state.rootfs,
        "created": timestamp_nano(state.created, state.created_nanos),
        "owner": owner,
    });
    if !state.annotations.is_empty() {
        value["annotations"] = json!(state.annotations);
    }
    value
}

/// The name of who made it, or `#` and the number of a user without one.
fn owner(state: &State) -> String {
    user::name_of(&state.owner).unwrap_or_else(|| format!("#{}", state.owner))
}

fn shown_pid(state: &State, status: Status) -> i32 {
    if status == Status::Stopped { 0 } else { state.host_pid() }
}

/// Prints the state of one container. As runc's, it does not tell who made it.
pub fn state(config: &Config, id: &str) -> Result<(), CommandError> {
    let container = Container::load(config, id)?;
    print_json(&format!("{:#}", describe(container.state(), container.status(), "")))
}

/// Prints all containers.
pub fn list(config: &Config, args: &List) -> Result<(), CommandError> {
    let known = Registry::open(config)?.list()?;
    if args.quiet {
        let ids: String = known.iter().map(|state| format!("{}\n", state.id)).collect();
        return print(ids.as_bytes());
    }
    // One that is removed meanwhile is not there.
    let load = |state: State| Container::load(config, &state.id).map(|container| (container.status(), state)).ok();
    let states: Vec<(Status, State)> = known.into_iter().filter_map(load).collect();
    match args.format {
        ListFormat::Json => {
            let all: Vec<Value> =
                states.iter().map(|(status, state)| describe(state, *status, &owner(state))).collect();
            // As runc has it for none.
            print_json(&if all.is_empty() { Value::Null } else { Value::from(all) }.to_string())
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
            timestamp_nano(state.created, state.created_nanos),
            owner(state),
        ]
    }));
    columns(&rows)
}
