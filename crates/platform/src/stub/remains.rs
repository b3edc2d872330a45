//! What is left of the sandbox process in the first stub: nothing.
//!
//! The zygote is a copy of the sandbox process, and every stub is a copy of the zygote. Memory that it
//! had not given up would be in every application's reach, so the host is asked what it has.

use std::{fs::File, io, io::Read, ops::Range};

use rustix::{
    fd::{AsFd, BorrowedFd},
    fs::{CWD, Mode, OFlags, openat},
    process::Pid,
};

use super::{
    image,
    shared::{CHUNK_SIZE, CONTEXT_BASE, PAGE_SIZE, STUB_BASE},
};

/// Checks the mappings of a zygote that has just reported for the first time. `proc` is a procfs that
/// shows it, if not the one at /proc.
///
/// # Errors
/// Those of reading the mappings; `InvalidData` when there is one too many.
pub(super) fn check(proc: Option<BorrowedFd<'_>>, zygote: Pid) -> io::Result<()> {
    let id = zygote.as_raw_nonzero();
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = match proc {
        Some(proc) => openat(proc.as_fd(), format!("{id}/maps"), flags, Mode::empty())?,
        None => openat(CWD, format!("/proc/{id}/maps"), flags, Mode::empty())?,
    };
    let mut maps = String::new();
    File::from(file).read_to_string(&mut maps)?;
    let code = (image::bytes().len() as u64).next_multiple_of(PAGE_SIZE);
    let own = [STUB_BASE..STUB_BASE + code, CONTEXT_BASE..CONTEXT_BASE + CHUNK_SIZE];
    match surplus(&maps, &own) {
        None => Ok(()),
        Some(line) => Err(io::Error::new(io::ErrorKind::InvalidData, format!("it still has {line}"))),
    }
}

/// The first mapping that is neither the stub's own nor the host's.
fn surplus<'a>(maps: &'a str, own: &[Range<u64>]) -> Option<&'a str> {
    maps.lines().find(|line| {
        let name = line.split_ascii_whitespace().nth(5).unwrap_or_default();
        let of_host = matches!(name, "[vdso]" | "[vvar]" | "[vvar_vclock]" | "[vsyscall]");
        !of_host && range(line).is_none_or(|range| !own.contains(&range))
    })
}

fn range(line: &str) -> Option<Range<u64>> {
    let (start, end) = line.split_once(' ')?.0.split_once('-')?;
    Some(u64::from_str_radix(start, 16).ok()?..u64::from_str_radix(end, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use super::surplus;

    const GOOD: &str = "\
7e0000000000-7e0000003000 r-xp 00000000 00:00 0 
7e0010000000-7e0010004000 r--p 00000000 00:00 0                          [vvar]
7e0010004000-7e0010006000 r-xp 00000000 00:00 0                          [vdso]
7e0040000000-7e0040200000 rw-s 00000000 00:01 3077                       /memfd:slots (deleted)
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
";

    #[test]
    fn nothing_of_the_sandbox_process_is_accepted() {
        let own = [0x7e00_0000_0000..0x7e00_0000_3000, 0x7e00_4000_0000..0x7e00_4020_0000];
        assert_eq!(surplus(GOOD, &own), None);
        for line in [
            "7e0060000000-7e0060200000 rw-s 00000000 00:01 3077                       /memfd:slots (deleted)",
            "7e1000000000-7e1000001000 r-xp 00001000 08:01 12                         /usr/bin/lazaret",
            "55558ab2d000-55558ab4e000 rw-p 00000000 00:00 0                          [heap]",
            "7e0000003000-7e0000004000 rw-p 00000000 00:00 0 ",
            "7e0000000000-7e0000004000 rw-p 00000000 00:00 0 ",
        ] {
            assert_eq!(surplus(&format!("{GOOD}{line}\n"), &own), Some(line));
        }
    }
}
