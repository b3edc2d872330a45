//! `/proc/PID/maps` and `smaps`.

use std::{fmt::Write, ops::Range};

use lazaret_abi::errno::Errno;
use lazaret_platform::Prot;

use super::process::Subject;
use crate::{
    fs::dev::split_device,
    mm::vma::{Vma, VmaBacking, VmaFlags},
    task::Task,
};

/// Column at which names begin.
const NAME_COLUMN: usize = 73;

fn line(area: &Vma, vdso: u64, text: &mut Vec<u8>) {
    let flag = |set: bool, letter: char| if set { letter } else { '-' };
    let (offset, file) = match &area.backing {
        VmaBacking::Anonymous => (0, None),
        VmaBacking::Object { offset, file, .. } => (*offset, file.as_ref()),
    };
    let attributes = file.and_then(|file| file.attributes().ok());
    let (device, inode) = attributes.map_or((0, 0), |attributes| (attributes.device, attributes.inode));
    let (major, minor) = split_device(device);
    let mut head = String::new();
    let _ = write!(
        head,
        "{:08x}-{:08x} {}{}{}{} {:08x} {:02x}:{:02x} {} ",
        area.start,
        area.end,
        flag(area.prot.contains(Prot::READ), 'r'),
        flag(area.prot.contains(Prot::WRITE), 'w'),
        flag(area.prot.contains(Prot::EXEC), 'x'),
        if area.flags.contains(VmaFlags::SHARED) { 's' } else { 'p' },
        offset,
        major,
        minor,
        inode,
    );
    let name: Option<Vec<u8>> = match file {
        Some(file) => Task::try_current().map(|task| file.location().display_path(&task.fs().root())),
        None if area.start == vdso => Some(b"[vdso]".to_vec()),
        None if area.flags.contains(VmaFlags::STACK) => Some(b"[stack]".to_vec()),
        None if area.flags.contains(VmaFlags::HEAP) => Some(b"[heap]".to_vec()),
        None if area.flags.contains(VmaFlags::SHARED) => Some(b"/dev/zero (deleted)".to_vec()),
        None => None,
    };
    text.extend_from_slice(head.as_bytes());
    if let Some(name) = name {
        text.resize(text.len() + NAME_COLUMN.saturating_sub(head.len()), b' ');
        // A newline in a name would look like an area of its own.
        text.extend(name.iter().flat_map(|byte| match byte {
            b'\n' => b"\\012".to_vec(),
            byte => vec![*byte],
        }));
    }
    text.push(b'\n');
}

/// All areas of the process, and the vDSO, which the platform keeps; copied, since showing them looks at files.
fn areas(subject: &Subject) -> Result<Vec<Vma>, Errno> {
    let mut areas: Vec<Vma> = subject.task()?.mm().areas().tree.iter().cloned().collect();
    areas.extend(vdso(subject.kernel()?.platform.vdso()));
    Ok(areas)
}

/// The vDSO as an area.
fn vdso(Range { start, end }: Range<u64>) -> Option<Vma> {
    let prot = Prot::READ | Prot::EXEC;
    let area = Vma { start, end, prot, max_prot: prot, flags: VmaFlags::empty(), backing: VmaBacking::Anonymous };
    (start < end).then_some(area)
}

/// `maps`.
pub fn maps(subject: &Subject) -> Result<Vec<u8>, Errno> {
    let mut text = Vec::new();
    let vdso = subject.kernel()?.platform.vdso().start;
    for area in areas(subject)? {
        line(&area, vdso, &mut text);
    }
    Ok(text)
}

/// The rows of `smaps` for memory of `size` KiB. How much of each area is present is known to the host alone, so
/// all of it counts as mapped and none as resident.
fn rows(size: u64, locked: u64, text: &mut Vec<u8>) {
    let mut row = |name: &str, value: u64| {
        let label = format!("{name}:");
        text.extend_from_slice(format!("{label:<16} {value:>7} kB\n").as_bytes());
    };
    row("Size", size);
    row("KernelPageSize", 4);
    row("MMUPageSize", 4);
    for name in [
        "Rss",
        "Pss",
        "Shared_Clean",
        "Shared_Dirty",
        "Private_Clean",
        "Private_Dirty",
        "Referenced",
        "Anonymous",
        "Swap",
    ] {
        row(name, 0);
    }
    row("Locked", locked);
}

/// `smaps`.
pub fn smaps(subject: &Subject) -> Result<Vec<u8>, Errno> {
    let mut text = Vec::new();
    let vdso = subject.kernel()?.platform.vdso().start;
    for area in areas(subject)? {
        line(&area, vdso, &mut text);
        let locked = if area.flags.contains(VmaFlags::LOCKED) { area.length() / 1024 } else { 0 };
        rows(area.length() / 1024, locked, &mut text);
    }
    Ok(text)
}

/// `smaps_rollup`.
pub fn smaps_rollup(subject: &Subject) -> Result<Vec<u8>, Errno> {
    let task = subject.task()?;
    let (resident, _) = super::status::resident_pages(subject, &task);
    let kib = resident * 4;
    let areas = areas(subject)?;
    let (Some(first), Some(last)) = (areas.first(), areas.last()) else { return Ok(Vec::new()) };
    let mut text = format!("{:08x}-{:08x} ---p 00000000 00:00 0", first.start, last.end);
    while text.len() < NAME_COLUMN {
        text.push(' ');
    }
    text.push_str("[rollup]\n");
    for (name, value) in
        [("Rss", kib), ("Pss", kib), ("Private_Dirty", kib), ("Anonymous", kib), ("Swap", 0), ("Locked", 0)]
    {
        let label = format!("{name}:");
        let _ = writeln!(text, "{label:<16} {value:>7} kB");
    }
    Ok(text.into_bytes())
}
