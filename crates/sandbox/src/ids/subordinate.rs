//! Ids that the administrator has lent to an ordinary user; see subuid(5) and newuidmap(1).

use std::{
    fs,
    process::{Command, Stdio},
};

use rustix::process::Pid;

/// A range of lent ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    first: u32,
    count: u32,
}

/// Which maps have been written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mapped {
    /// `uid_map`
    pub uids: bool,
    /// `gid_map`
    pub gids: bool,
}

/// Maps our own user and group to root, and lent ids from 1 on, where ids are lent and the host's
/// tools play along. For what is not mapped here, only the own id can be.
pub fn write_maps(pid: Pid) -> Mapped {
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let Some(name) = user_name(user) else { return Mapped::default() };
    let lent = |path: &str| find(&fs::read_to_string(path).unwrap_or_default(), &name, user);
    Mapped {
        uids: lent("/etc/subuid").is_some_and(|range| run("newuidmap", pid, user, range)),
        gids: lent("/etc/subgid").is_some_and(|range| run("newgidmap", pid, group, range)),
    }
}

fn run(tool: &str, pid: Pid, own: u32, lent: Range) -> bool {
    let numbers = [0, own, 1, 1, lent.first, lent.count];
    Command::new(tool)
        .arg(pid.as_raw_nonzero().to_string())
        .args(numbers.map(|number| number.to_string()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn user_name(uid: u32) -> Option<String> {
    let passwd = fs::read_to_string("/etc/passwd").ok()?;
    let uid = uid.to_string();
    let line = passwd.lines().find(|line| line.split(':').nth(2) == Some(&uid))?;
    line.split(':').next().map(Into::into)
}

/// The first range lent to a user, who is named or numbered in the file.
fn find(file: &str, name: &str, uid: u32) -> Option<Range> {
    let uid = uid.to_string();
    file.lines().find_map(|line| {
        let [owner, first, count] = line.split(':').collect::<Vec<_>>()[..] else { return None };
        let range = Range { first: first.parse().ok()?, count: count.trim().parse().ok()? };
        ((owner == name || owner == uid) && range.count > 0).then_some(range)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_found_by_name_and_number() {
        let file = "# lent\nann:100000:65536\n1001:200000:10\nbob:x:1\nbob:300000:5\n";
        assert_eq!(find(file, "ann", 1000), Some(Range { first: 100_000, count: 65536 }));
        assert_eq!(find(file, "eve", 1001), Some(Range { first: 200_000, count: 10 }));
        assert_eq!(find(file, "bob", 1002), Some(Range { first: 300_000, count: 5 }));
        assert_eq!(find(file, "joe", 1003), None);
    }
}
