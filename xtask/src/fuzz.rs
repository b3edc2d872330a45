//! `cargo xtask fuzz`: the randomized tests, for longer and from other seeds, and a program that makes random system
//! calls in a sandbox.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use clap::Args;

use crate::command::Step;

/// Options of `cargo xtask fuzz`.
#[derive(Args)]
pub struct Options {
    /// Seconds per test
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Seed, to see a failure again
    #[arg(long)]
    seed: Option<u64>,
    /// Only tests whose names contain this
    filter: Option<String>,
}

/// Randomized tests: package and name. Each reads `LAZARET_FUZZ_SECONDS` and `LAZARET_FUZZ_SEED`.
const TARGETS: &[(&str, &str)] = &[
    ("lazaret-snapshot", "random_damage_never_crashes"),
    ("lazaret-p9", "random_messages_never_crash"),
    ("lazaret-gofer", "random_requests_stay_in_the_tree"),
    ("lazaret-kernel", "fs::hostfs::remote::tests::random_replies_never_crash"),
];

/// Runs each test for the given time.
pub fn run(options: &Options) -> Result<()> {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seed = options.seed.unwrap_or(clock.as_secs());
    let filter = options.filter.as_deref().unwrap_or_default();
    println!("seed {seed}");
    for (package, test) in TARGETS.iter().filter(|(_, test)| test.contains(filter)) {
        Step::cargo(["test", "--release", "--quiet", "--package", package, "--tests", "--", "--exact", test])
            .env("LAZARET_FUZZ_SECONDS", options.seconds.to_string())
            .env("LAZARET_FUZZ_SEED", seed.to_string())
            .limit(Duration::from_secs(options.seconds.saturating_add(900)))
            .run()?;
    }
    if CALLS.contains(filter) { calls(options.seconds, seed) } else { Ok(()) }
}

/// The name of the fuzzer of system calls.
const CALLS: &str = "calls";

/// Runs the program that makes random system calls in a sandbox, which has to live on and to end with it.
fn calls(seconds: u64, seed: u64) -> Result<()> {
    Step::cargo(["build", "--release", "--quiet", "--package", "lazaret"]).run()?;
    let folder = crate::workspace().join("target/fuzz");
    std::fs::create_dir_all(&folder)?;
    let program = folder.join(CALLS);
    let source = crate::workspace().join("tests/fuzz/calls.c");
    Step::new("gcc")
        .args(["-O1", "-std=gnu11", "-static", "-pthread", "-D_GNU_SOURCE", "-w", "-o"])
        .arg(&program)
        .arg(source)
        .run()?;
    let mut is_alive = false;
    Step::new(crate::workspace().join("target/release/lazaret"))
        .args(["do", "--"])
        .arg(program)
        .args([seconds.to_string(), seed.to_string()])
        .limit(Duration::from_secs(seconds.saturating_add(60)))
        .run_lines(|line| is_alive |= line == "alive")?;
    if is_alive { Ok(()) } else { bail!("the sandbox did not run another program afterwards") }
}
