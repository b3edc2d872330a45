//! Users and groups by name, as a container's own files have them; see passwd(5) and group(5).

use std::{fs::File, io::Read, path::Path};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};

use crate::report::CommandError;

/// Longest file that is read, in bytes.
const MAX_FILE: u64 = 16 << 20;

/// User and group ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

/// Looks `USER[:GROUP]` up below `root`.
pub fn look_up(root: &Path, text: &str) -> Result<Ids, CommandError> {
    let passwd = read(root, "etc/passwd");
    let group = read(root, "etc/group");
    resolve(text, &passwd, &group).map_err(|what| CommandError::new(format!("--user {text}: {what}")))
}

/// The name of a user of the host, by the number.
pub fn name_of(uid: &str) -> Option<String> {
    let passwd = read(Path::new("/"), "etc/passwd");
    let mut users = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    users.find(|fields| fields.get(2) == Some(&uid)).and_then(|fields| fields.first().map(|name| (*name).to_owned()))
}

/// A file of the root; an empty one if it cannot be read: then only numbers are known.
fn read(root: &Path, name: &str) -> String {
    let open = || {
        let root = openat(CWD, root, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        openat2(&root, name, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty(), ResolveFlags::IN_ROOT)
    };
    let mut text = Vec::new();
    if let Ok(file) = open() {
        // What was read before an error is as good as a shorter file.
        let _ = File::from(file).take(MAX_FILE).read_to_end(&mut text);
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn resolve(text: &str, passwd: &str, group: &str) -> Result<Ids, String> {
    let (user, named_group) = text.split_once(':').map_or((text, None), |(user, group)| (user, Some(group)));
    let users = || passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let entry = match user.parse::<u32>() {
        Ok(_) => users().find(|fields| fields.get(2) == Some(&user)),
        Err(_) => {
            Some(users().find(|fields| fields.first() == Some(&user)).ok_or_else(|| format!("unknown user {user:?}"))?)
        }
    };
    let number = |field: Option<&&str>| field.and_then(|text| text.parse::<u32>().ok());
    let (name, uid, gid) = match &entry {
        Some(fields) => (fields.first().copied(), number(fields.get(2)), number(fields.get(3))),
        None => (None, user.parse().ok(), Some(0)),
    };
    let (Some(uid), Some(gid)) = (uid, gid) else {
        return Err(format!("the entry of user {user:?} is damaged"));
    };
    let groups = || group.lines().map(|line| line.split(':').collect::<Vec<_>>());
    if let Some(group) = named_group {
        let by_name = groups().find(|fields| fields.first() == Some(&group)).and_then(|fields| number(fields.get(2)));
        let gid = by_name.or_else(|| group.parse().ok()).ok_or_else(|| format!("unknown group {group:?}"))?;
        return Ok(Ids { uid, gid, groups: Vec::new() });
    }
    let member = |fields: &Vec<&str>| {
        let members = fields.get(3).copied().unwrap_or("");
        name.is_some_and(|name| members.split(',').any(|member| member == name))
    };
    let groups = groups().filter(member).filter_map(|fields| number(fields.get(2))).collect();
    Ok(Ids { uid, gid, groups })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1001::/home/ann:/bin/sh\nbad:x:one:1::/:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nann:x:1001:\nvideo:x:44:ann,bob\nempty\n";

    #[test]
    fn users_are_found_by_name_and_number() {
        let ids = |uid, gid, groups: &[u32]| Ok(Ids { uid, gid, groups: groups.into() });
        assert_eq!(resolve("ann", PASSWD, GROUP), ids(1000, 1001, &[44]));
        assert_eq!(resolve("1000", PASSWD, GROUP), ids(1000, 1001, &[44]));
        assert_eq!(resolve("7", PASSWD, GROUP), ids(7, 0, &[]));
        assert_eq!(resolve("ann:video", PASSWD, GROUP), ids(1000, 44, &[]));
        assert_eq!(resolve("7:8", "", ""), ids(7, 8, &[]));
        for (text, expected) in [
            ("eve", "unknown user \"eve\""),
            ("ann:none", "unknown group \"none\""),
            ("bad", "the entry of user \"bad\" is damaged"),
            ("", "unknown user \"\""),
        ] {
            assert_eq!(resolve(text, PASSWD, GROUP), Err(expected.into()));
        }
    }
}
