//! What the own process was started with; see proc(5) and execve(2).

use std::{fs, io, ptr};

/// Overwrites the arguments and the environment that this process was started with: they are its
/// maker's, and may hold secrets. `title` is what ps(1) shows instead, as much of it as there is room for.
///
/// Afterwards the standard library finds no arguments of use and no environment variables.
///
/// # Errors
/// Those of reading `/proc/self/stat`; `InvalidData` if it does not tell where they are.
pub fn forget(title: &str) -> io::Result<()> {
    let stat = fs::read("/proc/self/stat")?;
    let places = places(&String::from_utf8_lossy(&stat)).ok_or(io::ErrorKind::InvalidData)?;
    for (index, (start, end)) in places.into_iter().enumerate() {
        let size = end.saturating_sub(start);
        let shown = if index == 0 { title.as_bytes() } else { &[] };
        // The last byte stays an end.
        let shown = &shown[..shown.len().min(size.saturating_sub(1))];
        let strings: *mut u8 = ptr::with_exposed_provenance_mut(start);
        // SAFETY: the host put strings there on the stack, and nothing else. Rust and C code hold only pointers
        // to them, and every byte is still the start of a string that ends in the same area.
        unsafe {
            ptr::write_bytes(strings, 0, size);
            ptr::copy_nonoverlapping(shown.as_ptr(), strings, shown.len());
        }
    }
    Ok(())
}

/// Where the strings of arguments and environment begin and end: fields 48 to 51 of proc_pid_stat(5).
fn places(stat: &str) -> Option<[(usize, usize); 2]> {
    // The second field is a name in parentheses, which may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(48 - 3).map(|field| field.parse().ok());
    let mut area = || Some((fields.next()??, fields.next()??));
    Some([area()?, area()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_behind_a_strange_name() {
        let fields: Vec<String> = (3..=52).map(|number| number.to_string()).collect();
        assert_eq!(places(&format!("7 (a ) 1 2) {}", fields.join(" "))), Some([(48, 49), (50, 51)]));
        assert_eq!(places("7 (a) R 1"), None);
    }

    #[test]
    fn nothing_is_left_of_a_start() {
        // In a process of its own, for other tests read the environment.
        let exe = std::env::current_exe().unwrap();
        if std::env::var_os("LAZARET_FORGETS").is_none() {
            let own = ["--exact", "start::tests::nothing_is_left_of_a_start"];
            let status = std::process::Command::new(exe).args(own).env("LAZARET_FORGETS", "secret").status();
            assert!(status.unwrap().success());
            return;
        }
        forget("a title").unwrap();
        assert_eq!(std::env::vars_os().count(), 0);
        assert!(fs::read("/proc/self/cmdline").unwrap().starts_with(b"a title\0"));
        assert!(!fs::read("/proc/self/environ").unwrap().iter().any(|byte| *byte != 0));
    }
}
