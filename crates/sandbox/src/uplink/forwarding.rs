//! Has the host pass packets on between a sandbox' link and the links that lead out.
//!
//! Only for those, not by `net.ipv4.ip_forward`, which is for all and left to others. Links for which it was switched on
//! are noted in a file, so that whoever ends as the last one, or comes after one that was killed, can switch it off again.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::PathBuf,
};

use lazaret_hostcall::netlink::Tables;
use rustix::fs::{FlockOperation, flock};

use super::is_ours;

/// What this host passes on for sandboxes, locked.
struct Notes {
    file: File,
    path: PathBuf,
    links: Vec<String>,
}

/// Has the host pass on what comes in by the link `name`, and by those that its default routes use.
///
/// # Errors
/// Those of the host's files.
pub fn switch_on(name: &str, tables: &Tables) -> std::io::Result<()> {
    set(name, true)?;
    if passes_all_on() {
        return Ok(());
    }
    let mut notes = Notes::open()?;
    for route in tables.routes.iter().filter(|route| route.destination.is_none() && !route.is_ipv6) {
        let Some(link) = tables.links.iter().find(|link| link.index == route.link) else { continue };
        let Ok(link) = std::str::from_utf8(&link.name) else { continue };
        if !notes.links.iter().any(|known| known == link) && !is_on(link) {
            // Noted first: better switched off once too often.
            notes.add(link)?;
            set(link, true)?;
        }
    }
    Ok(())
}

/// Switches it off again, if no other sandbox of those that `tables` show needs it.
///
/// # Errors
/// Those of the host's files.
pub fn switch_off(name: &str, tables: &Tables) -> std::io::Result<()> {
    let others = |link: &[u8]| std::str::from_utf8(link).is_ok_and(|link| is_ours(link) && link != name);
    let notes = Notes::open()?;
    if tables.links.iter().any(|link| others(&link.name)) {
        return Ok(());
    }
    // Whoever has switched it on for all meanwhile wants it so.
    if !passes_all_on() {
        for link in &notes.links {
            // It may be gone.
            let _ = set(link, false);
        }
    }
    std::fs::remove_file(&notes.path)
}

fn passes_all_on() -> bool {
    std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").is_ok_and(|text| text.trim() != "0")
}

fn switch(link: &str) -> PathBuf {
    // Names of interfaces have no slash.
    PathBuf::from("/proc/sys/net/ipv4/conf").join(link).join("forwarding")
}

fn is_on(link: &str) -> bool {
    std::fs::read_to_string(switch(link)).is_ok_and(|text| text.trim() != "0")
}

fn set(link: &str, on: bool) -> std::io::Result<()> {
    std::fs::write(switch(link), if on { "1" } else { "0" })
}

impl Notes {
    /// Those of the network namespace that this process is in.
    fn open() -> std::io::Result<Notes> {
        let namespace = std::fs::metadata("/proc/thread-self/ns/net")?.ino();
        let path = PathBuf::from(format!("/run/lazaret-forwarding-{namespace}"));
        loop {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(libc::O_NOFOLLOW);
            let mut file = options.open(&path)?;
            flock(&file, FlockOperation::LockExclusive)?;
            // It may have been removed before we had the lock.
            let identity = |meta: std::fs::Metadata| (meta.dev(), meta.ino());
            if std::fs::symlink_metadata(&path).map(identity).ok() == file.metadata().map(identity).ok() {
                let mut text = String::new();
                file.read_to_string(&mut text)?;
                let links = text.lines().map(str::to_owned).collect();
                return Ok(Notes { file, path, links });
            }
        }
    }

    fn add(&mut self, link: &str) -> std::io::Result<()> {
        self.file.seek(std::io::SeekFrom::End(0))?;
        writeln!(self.file, "{link}")?;
        self.links.push(link.into());
        Ok(())
    }
}
