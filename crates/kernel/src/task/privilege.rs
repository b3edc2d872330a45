//! What a program may do that its caller may not: set-user-id and set-group-id bits and file
//! capabilities; see execve(2) and capabilities(7), "Transformation of capabilities during execve()".

use lazaret_abi::{errno::Errno, prctl::securebits};

use super::creds::{Creds, cap};
use crate::fs::{file::File, inode::Attributes, xattr::CAPABILITIES};

/// Revisions of `struct vfs_cap_data`, and the flag beside them.
const REVISION_MASK: u32 = 0xff00_0000;
const REVISION_2: u32 = 0x0200_0000;
const REVISION_3: u32 = 0x0300_0000;
const EFFECTIVE: u32 = 1;

/// Set-user-id and set-group-id bits of a mode, and execution by the group, without which the latter
/// means something else.
const SET_UID: u32 = 0o4000;
const SET_GID: u32 = 0o2000;
const GROUP_EXECUTE: u32 = 0o010;

/// Credentials of a program.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The credentials.
    pub creds: Creds,
    /// AT_SECURE: the program must not trust its environment.
    pub secure: bool,
}

/// Capabilities of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct FileCapabilities {
    permitted: u64,
    inheritable: u64,
    effective: bool,
}

/// Credentials that a program gets when `creds` execute `file`. `shares_paths` if another process can change the
/// root or the working directory of this one (CLONE_FS): it could lead a program astray that has more rights.
///
/// # Errors
/// `EPERM` when the file demands capabilities that cannot be given.
pub fn of_program(creds: &Creds, file: &File, shares_paths: bool) -> Result<Granted, Errno> {
    let attributes = file.attributes()?;
    let trusted = !creds.no_new_privs && !file.location().is_nosuid();
    let capabilities =
        if trusted { file.inode().get_xattr(CAPABILITIES).ok().and_then(|value| parse(&value)) } else { None };
    transform(creds, trusted.then_some(&attributes), capabilities, shares_paths)
}

fn transform(
    old: &Creds,
    attributes: Option<&Attributes>,
    file: Option<FileCapabilities>,
    shares_paths: bool,
) -> Result<Granted, Errno> {
    let mut new = old.clone();
    if let Some(attributes) = attributes {
        if attributes.permissions & SET_UID != 0 {
            new.euid = attributes.uid;
        }
        if attributes.permissions & (SET_GID | GROUP_EXECUTE) == SET_GID | GROUP_EXECUTE {
            new.egid = attributes.gid;
        }
    }
    let is_set_id = new.euid != old.euid || new.egid != old.egid;
    let from_file = file.unwrap_or_default();
    let mut effective = from_file.effective;
    let mut permitted = from_file.permitted & old.bounding | from_file.inheritable & old.inheritable;
    if effective && from_file.permitted & !permitted != 0 {
        return Err(Errno::EPERM);
    }
    if !old.has_securebit(securebits::NOROOT) {
        // File capabilities count for a set-user-id program of root that an ordinary user runs.
        let file_decides = file.is_some() && new.uid != 0 && new.euid == 0;
        if !file_decides && (new.uid == 0 || new.euid == 0) {
            permitted = old.bounding | old.inheritable;
            effective |= new.euid == 0;
        }
    }
    if shares_paths && (is_set_id || permitted & !old.permitted != 0) {
        if !old.has(cap::SETUID) {
            (new.euid, new.egid) = (new.uid, new.gid);
        }
        permitted &= old.permitted;
    }
    new.ambient = if file.is_some() || is_set_id { 0 } else { old.ambient };
    new.permitted = (permitted | new.ambient) & cap::ALL;
    new.effective = if effective { new.permitted } else { new.ambient };
    new.suid = new.euid;
    new.fsuid = new.euid;
    new.sgid = new.egid;
    new.fsgid = new.egid;
    new.securebits &= !securebits::KEEP_CAPS;
    let grew = new.permitted & !new.ambient != 0;
    let secure = new.euid != new.uid || new.egid != new.gid || new.uid != 0 && (effective || grew);
    Ok(Granted { creds: new, secure })
}

/// Reads `struct vfs_cap_data`; `None` for what is none.
fn parse(value: &[u8]) -> Option<FileCapabilities> {
    let word = |index: usize| -> Option<u32> {
        let bytes = value.get(index * 4..index * 4 + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    };
    let magic = word(0)?;
    if ![REVISION_2, REVISION_3].contains(&(magic & REVISION_MASK)) {
        return None;
    }
    let pair = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    Some(FileCapabilities {
        permitted: pair(word(1)?, word(3)?),
        inheritable: pair(word(2)?, word(4)?),
        effective: magic & EFFECTIVE != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: u32) -> Creds {
        Creds { uid: id, euid: id, suid: id, fsuid: id, permitted: 0, effective: 0, ..Creds::root() }
    }

    #[test]
    fn root_gets_what_the_bounding_set_allows() {
        let creds = Creds { bounding: 0xff, ..Creds::root() };
        let granted = transform(&creds, None, None, false).unwrap();
        assert_eq!((granted.creds.permitted, granted.creds.effective, granted.secure), (0xff, 0xff, false));
    }

    #[test]
    fn a_user_loses_all_but_ambient() {
        let creds = Creds { permitted: 6, effective: 6, inheritable: 2, ambient: 2, ..user(7) };
        let granted = transform(&creds, None, None, false).unwrap();
        assert_eq!((granted.creds.permitted, granted.creds.effective, granted.secure), (2, 2, false));
    }

    #[test]
    fn file_capabilities_are_given() {
        let file = FileCapabilities { permitted: 1 << cap::NET_RAW, inheritable: 0, effective: true };
        let granted = transform(&user(7), None, Some(file), false).unwrap();
        assert!(granted.creds.has(cap::NET_RAW) && granted.secure);
        let bounded = Creds { bounding: 0, ..user(7) };
        assert_eq!(transform(&bounded, None, Some(file), false).err(), Some(Errno::EPERM));
        let shared = transform(&user(7), None, Some(file), true).unwrap();
        assert_eq!((shared.creds.permitted, shared.creds.effective), (0, 0));
    }

    #[test]
    fn the_attribute_is_parsed_with_care() {
        let mut value = Vec::new();
        for word in [REVISION_2 | EFFECTIVE, 1 << 13, 0, 1, 0] {
            value.extend_from_slice(&u32::to_le_bytes(word));
        }
        let expected = FileCapabilities { permitted: 1 << 13 | 1 << 32, inheritable: 0, effective: true };
        assert_eq!(parse(&value), Some(expected));
        assert_eq!(parse(&value[..19]), None);
        assert_eq!(parse(&[]), None);
    }
}
