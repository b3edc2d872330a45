//! Numbers that may only fall: `unsafe`, `unwrap` outside tests, allowed lints, long files.
//!
//! `tests/ratchet.toml` holds the numbers of each crate. A rise fails, with the places; a fall must be
//! written down, so that it cannot be lost again.

mod count;

use std::{collections::BTreeMap, fs, path::PathBuf};

use anyhow::{Context, Result, bail};

use count::Kind;

/// How often each kind may occur in each crate; what is missing is zero.
type Limits = BTreeMap<String, BTreeMap<Kind, usize>>;

const NOTE: &str = "\
# Numbers that may only fall; `cargo xtask ratchet` writes them down after they fell.
# Counted outside tests: see xtask/src/ratchet/count.rs.
";

fn file() -> PathBuf {
    crate::workspace().join("tests/ratchet.toml")
}

/// Compares the code with the file.
pub fn check() -> Result<()> {
    let text = fs::read_to_string(file()).with_context(|| format!("cannot read {}", file().display()))?;
    let limits: Limits = toml::from_str(&text).with_context(|| format!("cannot parse {}", file().display()))?;
    let found = count::workspace()?;
    let limit = |name: &str, kind| limits.get(name).and_then(|limits| limits.get(&kind)).copied().unwrap_or(0);
    let mut rises = String::new();
    for (name, places) in &found {
        for kind in Kind::ALL {
            let found: Vec<_> = places.iter().filter(|place| place.kind == kind).map(|place| &*place.at).collect();
            if found.len() > limit(name, kind) {
                let (old, new, list) = (limit(name, kind), found.len(), found.join("\n  "));
                rises += &format!("\n{name}: {kind:?} rose from {old} to {new}:\n  {list}");
            }
        }
    }
    if !rises.is_empty() {
        bail!("these numbers may only fall:{rises}");
    }
    if limits != counts(found) {
        bail!("numbers fell: write them down with `cargo xtask ratchet`");
    }
    Ok(())
}

/// Writes the file.
pub fn write() -> Result<()> {
    let text = format!("{NOTE}\n{}", toml::to_string(&counts(count::workspace()?))?);
    fs::write(file(), text).with_context(|| format!("cannot write {}", file().display()))
}

/// The numbers as the file has them.
fn counts(found: BTreeMap<String, Vec<count::Place>>) -> Limits {
    let mut limits = Limits::new();
    for (name, places) in found {
        for place in places {
            *limits.entry(name.clone()).or_default().entry(place.kind).or_default() += 1;
        }
    }
    limits
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_only_fall() {
        if let Err(error) = super::check() {
            panic!("{error:#}");
        }
    }
}
