//! Which user and group ids a new user namespace has; see user_namespaces(7).

mod subordinate;

use std::{fs, path::Path};

use lazaret_control::Failure;
use rustix::{
    process::Pid,
    thread::{CapabilitySet, capabilities},
};

/// Ids of sandbox processes start here when all ids are ours to use; each adds its process id, so
/// that no two running sandboxes have the same. No distribution gives these ids to anybody.
const FIRST_ID: u32 = 0x7000_0000;

/// Where the id maps of the sandbox's namespaces come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Every id that we have ourselves maps to itself, so that files keep their owners.
    Identity,
    /// Only our own user and group, as root: all that an ordinary user may map.
    Own,
}

impl Mode {
    /// What this process may do.
    pub fn detect() -> Mode {
        let needed = CapabilitySet::SETUID | CapabilitySet::SETGID | CapabilitySet::SYS_ADMIN;
        match capabilities(None) {
            Ok(held) if held.effective.contains(needed) => Mode::Identity,
            _ => Mode::Own,
        }
    }
}

/// Writes the id maps of a new process.
pub fn write_maps(mode: Mode, pid: Pid) -> Result<(), Failure> {
    let directory = format!("/proc/{}", pid.as_raw_nonzero());
    let write = |name: &str, text: &str| {
        fs::write(Path::new(&directory).join(name), text)
            .map_err(|error| Failure::host(format!("write {name} of the new user namespace"), error))
    };
    match mode {
        Mode::Identity => {
            write("uid_map", &identity("/proc/self/uid_map")?)?;
            write("gid_map", &identity("/proc/self/gid_map")?)
        }
        Mode::Own => {
            let mapped = subordinate::write_maps(pid);
            if !mapped.uids {
                write("uid_map", &format!("0 {} 1\n", rustix::process::geteuid().as_raw()))?;
            }
            if !mapped.gids {
                write("setgroups", "deny")?;
                write("gid_map", &format!("0 {} 1\n", rustix::process::getegid().as_raw()))?;
            }
            Ok(())
        }
    }
}

/// A map of each id of our own namespace to itself.
fn identity(own: &str) -> Result<String, Failure> {
    let map = fs::read_to_string(own).map_err(|error| Failure::host(format!("read {own}"), error))?;
    Ok(identity_of(&map))
}

fn identity_of(map: &str) -> String {
    let mut lines = String::new();
    for line in map.lines() {
        if let [inside, _, count] = line.split_whitespace().collect::<Vec<_>>()[..] {
            lines += &format!("{inside} {inside} {count}\n");
        }
    }
    lines
}

/// The id that a sandbox process runs under, or `None` to stay root of its namespace. It is that
/// process' alone, for all that runs under it dies before its process id is free.
pub fn own_id(mode: Mode, pid: Pid) -> Option<u32> {
    let map = fs::read_to_string("/proc/self/uid_map").ok()?;
    let id = FIRST_ID.checked_add_signed(pid.as_raw_nonzero().get())?;
    (mode == Mode::Identity && covers(&map, id)).then_some(id)
}

fn covers(map: &str, id: u32) -> bool {
    map.lines().any(|line| {
        let fields: Vec<u32> = line.split_whitespace().filter_map(|field| field.parse().ok()).collect();
        matches!(fields[..], [inside, _, count] if id >= inside && id - inside < count)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_copied_as_identities() {
        let map = "         0       1000          1\n         1     100000      65536\n";
        assert_eq!(identity_of(map), "0 0 1\n1 1 65536\n");
        assert!(covers(map, 65536) && !covers(map, 65537));
        assert!(covers("0 0 4294967295", FIRST_ID));
    }
}
