//! `cargo xtask docs`: the parts of docs/ that are made from the code.

use anyhow::Result;

use crate::command::Step;

/// Runs the test that compares docs/ with the code, and lets it write instead of compare.
pub fn write() -> Result<()> {
    Step::cargo(["test", "--quiet", "--package", "lazaret-sandbox", "--test", "docs"])
        .env("LAZARET_WRITE_DOCS", "1")
        .run()
}
