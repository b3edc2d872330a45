//! `cargo xtask test`: everything a change must pass.

use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::{command::Step, needs, rootfs};

/// Longest time of one step. The whole takes less than half an hour on two processors.
const LIMIT: Duration = Duration::from_secs(25 * 60);

/// Options of `cargo xtask test`.
#[derive(Args)]
pub struct Options {
    /// Only tests whose names contain this
    filter: Option<String>,
    /// Only this package
    #[arg(long, short)]
    package: Option<String>,
}

/// Runs the tests of the workspace: unit tests, platform tests, differential tests, documentation.
pub fn run(options: &Options) -> Result<()> {
    needs::provide(needs::TESTS)?;
    needs::unpack_clients()?;
    if rustix::process::geteuid().is_root() && needs::find("apt-get").is_some() {
        rootfs::make(&rootfs::Options::default())?;
    }
    crate::build()?;
    let mut scope = match &options.package {
        Some(package) => vec!["--package".to_owned(), package.clone()],
        None => vec!["--workspace".to_owned()],
    };
    scope.extend(options.filter.clone());
    // Not cargo-nextest: tests that need a process of their own bring their own main function.
    cargo_test(&scope)
}

/// Counts over all test programs, as each of them prints for itself.
#[derive(Default)]
struct Totals {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Totals {
    /// Adds what a line like `test result: ok. 7 passed; 0 failed; 1 ignored; ...` says.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|result| result.split_once(". ")) else {
            return;
        };
        for count in counts.split("; ") {
            let Some((number, what)) = count.split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

/// Runs the tests with what every Rust installation has, and sums up.
fn cargo_test(scope: &[String]) -> Result<()> {
    let mut totals = Totals::default();
    let step = Step::cargo(["test", "--no-fail-fast"]).args(scope).limit(LIMIT);
    let result = step.run_lines(|line| totals.add(line));
    println!(
        "test result: {}. {} passed; {} failed; {} ignored; all test programs together",
        if result.is_ok() { "ok" } else { "FAILED" },
        totals.passed,
        totals.failed,
        totals.ignored
    );
    result
}

#[cfg(test)]
mod tests {
    use super::Totals;

    #[test]
    fn totals_add_up() {
        let mut totals = Totals::default();
        totals.add("test result: ok. 7 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.65s");
        totals.add("test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s");
        totals.add("test foo ... ok");
        assert_eq!((totals.passed, totals.failed, totals.ignored), (9, 3, 1));
    }
}
