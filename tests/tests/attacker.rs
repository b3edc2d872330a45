//! Runs the hostile program of `attacker/` in a sandbox: the sandbox must live, and the host see nothing of it.

#![forbid(unsafe_code)]

use lazaret_tests::run::run;
use lazaret_tests::sandbox::{Side, target_folder};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;
use std::{fs, process};

/// Compiles the attacker, once for all tests of this process.
fn attacker() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let folder = target_folder().join("cases");
        fs::create_dir_all(&folder).unwrap();
        let program = folder.join(format!("attacker.{}", process::id()));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("attacker/attacker.c");
        let status = Command::new("gcc")
            .args(["-O1", "-std=gnu11", "-w", "-pthread", "-static", "-D_GNU_SOURCE", "-o"])
            .args([&program, &source])
            .status()
            .unwrap();
        assert!(status.success());
        program
    })
}

/// Runs one attack and returns what it printed.
fn attack(name: &str) -> String {
    let side = Side::under_test().unwrap();
    assert!(matches!(side, Side::Inside(_)), "the attacker must not run on the host");
    let canary = std::env::temp_dir().join(format!("lazaret-canary.{}.{name}", process::id()));
    let argv = [attacker().into(), name.into(), canary.clone().into()];
    let outcome = run(&mut side.command(&[], &argv, Path::new("/")), Duration::from_secs(120)).unwrap();
    let stdout = String::from_utf8_lossy(&outcome.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&outcome.stderr);
    assert!(!canary.exists(), "{name} made a file on the host\n{stdout}{stderr}");
    assert_eq!(outcome.status, Ok(0), "{name}\n{stdout}{stderr}");
    assert!(stdout.ends_with("sandbox lives: yes\n"), "{name}\n{stdout}{stderr}");
    stdout
}

#[test]
fn every_number_of_the_native_abi() {
    attack("numbers");
}

#[test]
fn every_number_of_the_x32_abi_is_unknown() {
    let report = attack("numbers-x32");
    assert!(report.starts_with("x32: 0 ended 0 answered 1024 ENOSYS 0 killed"), "{report}");
}

#[test]
fn every_number_of_the_32_bit_abi_is_refused() {
    let report = attack("numbers-int80");
    assert!(report.starts_with("int 0x80: 0 ended 0 answered"), "{report}");
}

#[test]
fn jumps_into_the_stub() {
    attack("stub-code");
}

#[test]
fn processes_that_hear_no_signal() {
    let report = attack("deaf");
    assert!(report.starts_with("deaf: ended\n"), "{report}");
}

#[test]
fn unmapping_the_stub() {
    attack("unmap");
}

#[test]
fn forging_context_pages_from_a_second_thread() {
    attack("forge");
}

#[test]
fn raw_forks() {
    attack("forks");
}

#[test]
fn vsyscall() {
    attack("vsyscall");
}
