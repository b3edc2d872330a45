//! `cargo xtask lint`: formatting, clippy, ratchet.

use anyhow::Result;

use crate::{command::Step, ratchet};

/// Fails on the first finding.
pub fn run() -> Result<()> {
    Step::cargo(["fmt", "--all", "--check"]).run()?;
    Step::cargo(["clippy", "--quiet", "--workspace", "--all-targets", "--", "--deny", "warnings"]).run()?;
    ratchet::check()?;
    println!("lint: nothing found");
    Ok(())
}
