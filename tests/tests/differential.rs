//! Runs each case on the host and in a sandbox, and compares. See the crate's documentation.
//!
//! `cargo test -p lazaret-tests --test differential -- files/` runs one family.

#![forbid(unsafe_code)]

use lazaret_tests::case::Case;
use lazaret_tests::run::{Outcome, run};
use lazaret_tests::sandbox::{Side, has_tool, target_folder};
use lazaret_tests::{blocklist, build, case, compare};
use libtest_mimic::{Arguments, Failed, Trial};
use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, RwLock};
use std::time::Duration;
use std::{env, fs, io};

/// How often a case that differs is run again.
const AGAIN: usize = 2;

/// What all trials share.
struct Setup {
    /// Held shared by each trial, and alone by one that is run again.
    alone: RwLock<()>,
    side: Side,
    include: PathBuf,
    programs: PathBuf,
    scratch: PathBuf,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = Arguments::from_args();
    // Cases are written to be quick beside one other, and the machines have two CPUs.
    arguments.test_threads = arguments.test_threads.or(Some(2));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let known_gaps = blocklist::read(&root.join("blocklist.txt"))?;
    let cases = case::find(&root.join("cases"))?;
    if let Some(name) = known_gaps.keys().find(|name| !cases.iter().any(|case| case.name == **name)) {
        return Err(format!("blocklist.txt names {name}, which is no case").into());
    }
    let setup = Arc::new(Setup {
        alone: RwLock::new(()),
        side: Side::under_test()?,
        include: root.join("cases/lib"),
        programs: target_folder().join("cases"),
        scratch: env::temp_dir().join(format!("lazaret-tests.{}", std::process::id())),
    });
    if !arguments.list {
        probe(&setup)?;
    }
    let trials = cases.into_iter().map(|case| trial(case, &known_gaps, &setup)).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Each case removed its own folder.
    let _ = fs::remove_dir(&setup.scratch);
    Ok(conclusion.exit_code())
}

/// One clear message if no sandbox starts at all, in place of one per case.
fn probe(setup: &Setup) -> Result<(), Box<dyn Error>> {
    let outcome = run(&mut setup.side.command(&[], &["/bin/true".into()], Path::new("/")), Duration::from_secs(20))?;
    match outcome.status {
        Ok(0) => Ok(()),
        status => {
            let stderr = String::from_utf8_lossy(&outcome.stderr);
            Err(format!("/bin/true in a sandbox: {status:?}\n{stderr}").into())
        }
    }
}

fn trial(case: Case, known_gaps: &std::collections::BTreeMap<String, String>, setup: &Arc<Setup>) -> Trial {
    let missing: Vec<String> = case.tools().filter(|tool| !has_tool(tool)).map(str::to_owned).collect();
    let gap = known_gaps.get(&case.name).cloned().filter(|_| matches!(setup.side, Side::Inside(_)));
    let kind = match (missing.is_empty(), &gap) {
        (false, _) => format!("needs {}", missing.join(", ")),
        (true, Some(reason)) => format!("known gap: {reason}"),
        (true, None) => String::new(),
    };
    let setup = Arc::clone(setup);
    Trial::test(case.name.clone(), move || {
        let mut difference = {
            let _side_by_side = setup.alone.read();
            check(&case, &setup)
        };
        // Linux loses races as well, so the outcome counts that comes again when nothing else runs; the others are told.
        for _ in 0..AGAIN {
            if gap.is_some() || matches!(difference, Ok(None)) {
                break;
            }
            let _alone = setup.alone.write();
            eprintln!("{} differs and is run again, alone: {difference:?}", case.name);
            difference = check(&case, &setup);
        }
        // A case that is known to fail may also fail to end, and leave its folder in disorder.
        let difference = match difference {
            Err(_) if gap.is_some() => return Ok(()),
            difference => difference?,
        };
        match (difference, gap) {
            (None, None) => Ok(()),
            (Some(difference), None) => Err(difference.into()),
            (Some(_), Some(_)) => Ok(()),
            // A race: neither outcome says anything.
            (None, Some(reason)) if reason.starts_with("sometimes") => Ok(()),
            (None, Some(_)) => Err("passes now: take it out of blocklist.txt".into()),
        }
    })
    .with_kind(kind)
    .with_ignored_flag(!missing.is_empty())
}

/// Runs `case` on both sides, one after the other in a folder of the same name.
fn check(case: &Case, setup: &Setup) -> Result<Option<String>, Failed> {
    let argv = argv(case, setup).map_err(|error| format!("building {}: {error}", case.path.display()))?;
    let host = run_in_fresh_folder(&Side::Host, case, &argv, setup)?;
    if let Err(failure) = host.status {
        return Err(format!("on the host: {failure}").into());
    }
    let inside = run_in_fresh_folder(&setup.side, case, &argv, setup)?;
    Ok(compare::difference(&host, &inside, case.settings.compare_stderr))
}

fn argv(case: &Case, setup: &Setup) -> io::Result<Vec<OsString>> {
    let interpreter = case.interpreter();
    if interpreter.is_empty() {
        return Ok(vec![build::build(case, &setup.include, &setup.programs)?.into()]);
    }
    Ok(interpreter.into_iter().map(OsString::from).chain([case.path.clone().into()]).collect())
}

fn run_in_fresh_folder(side: &Side, case: &Case, argv: &[OsString], setup: &Setup) -> io::Result<Outcome> {
    let folder = setup.scratch.join(case.name.replace(['/', ' '], "-"));
    fs::create_dir_all(&folder)?;
    let outcome = run(&mut side.command(&case.flags, argv, &folder), case.settings.timeout);
    fs::remove_dir_all(&folder)?;
    outcome
}
