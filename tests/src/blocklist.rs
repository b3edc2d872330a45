//! The known gaps: cases that fail, each with its reason.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

/// Reads `family/name: reason` lines; empty lines and those that begin with `#` are skipped.
///
/// # Errors
/// The file cannot be read, or a line has no reason.
pub fn read(path: &Path) -> io::Result<BTreeMap<String, String>> {
    parse(&fs::read_to_string(path)?).map_err(|line| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{}: no reason in {line:?}", path.display()))
    })
}

fn parse(text: &str) -> Result<BTreeMap<String, String>, String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| match line.split_once(": ") {
            Some((name, reason)) if !reason.trim().is_empty() => Ok((name.to_owned(), reason.trim().to_owned())),
            _ => Err(line.to_owned()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn each_entry_has_a_reason() {
        let list = parse("# why\n\nfiles/quota: no quotas: yet\n").unwrap();
        assert_eq!(list["files/quota"], "no quotas: yet");
        assert_eq!(parse("files/quota").unwrap_err(), "files/quota");
    }
}
